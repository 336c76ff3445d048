// The key of the API with which this page asks: kept in this browser, sent in headers and in `connection_init`, never in an address.
import { Remembered } from "./remembered";

export const apiKey = new Remembered<string>("api-key", (stored) => stored ?? "");

/** Replaces the key; an empty one is none. The page starts anew, with new connections. */
export function changeKey(key: string): void {
  const text = key.trim();
  apiKey.set(text, text);
  window.location.reload();
}

export function keyHeaders(): Record<string, string> {
  return apiKey.value === "" ? {} : { authorization: `Bearer ${apiKey.value}` };
}
