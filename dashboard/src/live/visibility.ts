// A hidden page asks for nothing.

/** A glance at another tab keeps the subscription; a longer absence lets the server go. */
const LET_GO_AFTER_HIDDEN_MS = 5_000;

export interface Pausable {
  start(): void;
  pause(): void;
  leave(): void;
  retryNow(): void;
}

/** Starts `feed`, pauses it while the page is hidden, retries when the network returns. Returns how to end that. */
export function keepWhileVisible(feed: Pausable): () => void {
  let lettingGo: number | undefined;
  const follow = () => {
    window.clearTimeout(lettingGo);
    if (document.hidden) lettingGo = window.setTimeout(() => feed.pause(), LET_GO_AFTER_HIDDEN_MS);
    else feed.start();
  };
  const retry = () => feed.retryNow();
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("online", retry);
  follow();
  return () => {
    window.clearTimeout(lettingGo);
    document.removeEventListener("visibilitychange", follow);
    window.removeEventListener("online", retry);
    feed.leave();
  };
}
