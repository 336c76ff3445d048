// Loads the wallboard anew when another build of it is served: a screen that nobody touches would show an old one for months.

const LOOK_EVERY_MS = 5 * 60_000;
/** Not all screens of an office at once. */
const SPREAD_MS = 60_000;
const TIMEOUT_MS = 10_000;

export interface Looking {
  /** The entity tag of the page that is served now; null if there is no answer. */
  readTag(): Promise<string | null>;
  reload(): void;
  random(): number;
}

/** Looks until the page is loaded anew. Returns a function that ends it. */
export function reloadOnNewBuild({ readTag, reload, random }: Looking): () => void {
  let first: string | null = null;
  let timer: ReturnType<typeof setTimeout>;
  let hasEnded = false;
  const look = async () => {
    const tag = await readTag();
    if (hasEnded) return;
    first ??= tag;
    // The new build has answered just now, so the page can be loaded.
    if (tag !== null && tag !== first) timer = setTimeout(reload, random() * SPREAD_MS);
    else timer = setTimeout(look, LOOK_EVERY_MS);
  };
  timer = setTimeout(look, random() * SPREAD_MS);
  return () => {
    hasEnded = true;
    clearTimeout(timer);
  };
}

export async function readServedTag(): Promise<string | null> {
  try {
    const answer = await fetch(location.pathname, { method: "HEAD", cache: "no-store", headers: { accept: "text/html" }, signal: AbortSignal.timeout(TIMEOUT_MS) });
    return answer.ok ? answer.headers.get("etag") : null;
  } catch {
    return null;
  }
}
