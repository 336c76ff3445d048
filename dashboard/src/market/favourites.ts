// The favourite symbols, stored in this browser only.
import { Remembered } from "../browser/remembered";

const LONGEST_LIST = 5_000;

function read(stored: string | null): ReadonlySet<string> {
  return new Set((stored ?? "").split(",").filter(Boolean).slice(0, LONGEST_LIST));
}

export const favourites = new Remembered("favourites", read);

export function toggleFavourite(symbol: string): void {
  const changed = new Set(favourites.value);
  if (!changed.delete(symbol)) changed.add(symbol);
  favourites.set(changed, [...changed].join());
}
