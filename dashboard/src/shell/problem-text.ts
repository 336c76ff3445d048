// A lost connection and rejections in words for viewers.
import { pastTimeText } from "../browser/times";
import type { ConnectionState } from "../live/connection-state";

/** What a viewer has to know beside the word in the header; null if that says it all. */
export function problemText({ phase, message, heardAtMs, hasNetwork }: ConnectionState): string | null {
  if (message !== null) return `The server answers: ${message}`;
  if (phase !== "offline") return null;
  const why = hasNetwork ? "The server cannot be reached." : "This device has no network.";
  const shown = heardAtMs === null ? "" : ` The prices below are those of ${pastTimeText(heardAtMs)}, and grow older.`;
  return `${why}${shown} The page goes on by itself.`;
}
