// Pauses feeds while the page is hidden.

/** A short absence keeps the subscription; a longer one ends it. */
const LET_GO_AFTER_HIDDEN_MS = 5_000;

export interface Pausable {
  start(): void;
  pause(): void;
  leave(): void;
  retryNow(): void;
  /** The browser says that the network has gone. */
  doubt?(): void;
}

/** Starts `feed`, pauses it while the page is hidden, retries when the network returns. Returns a function that ends this. */
export function keepWhileVisible(feed: Pausable): () => void {
  let lettingGo: number | undefined;
  const follow = () => {
    window.clearTimeout(lettingGo);
    if (document.hidden) lettingGo = window.setTimeout(() => feed.pause(), LET_GO_AFTER_HIDDEN_MS);
    else feed.start();
  };
  const retry = () => feed.retryNow();
  const doubt = () => feed.doubt?.();
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("online", retry);
  window.addEventListener("offline", doubt);
  follow();
  return () => {
    window.clearTimeout(lettingGo);
    document.removeEventListener("visibilitychange", follow);
    window.removeEventListener("online", retry);
    window.removeEventListener("offline", doubt);
    feed.leave();
  };
}
