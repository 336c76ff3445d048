// Notifies components that show an age of the passage of time. Stops while the page is hidden.

/** Twice a second, so that no second is skipped and a colour changes at most half a second late. */
const TICK_MS = 500;

const listeners = new Set<() => void>();
let timer: number | undefined;

function tick(): void {
  if (!document.hidden) for (const listener of listeners) listener();
}

export function onSecondHand(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= window.setInterval(tick, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    window.clearInterval(timer);
    timer = undefined;
  };
}
