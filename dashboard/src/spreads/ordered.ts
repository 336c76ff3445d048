// The order of the spread view. Pure.
import type { SpreadsAddress, SpreadSortKey } from "../browser/view-address";
import { type BestQuotes, comparePrices } from "./best-quotes";

const COMPARE: Record<SpreadSortKey, (one: BestQuotes, other: BestQuotes) => number> = {
  symbol: compareNames,
  ask: (one, other) => comparePrices(one.ask, other.ask),
  bid: (one, other) => comparePrices(one.bid, other.bid),
  gap: (one, other) => one.gapBps - other.gapBps,
  // The oldest is the largest age.
  age: (one, other) => oldestMs(other) - oldestMs(one),
};

function compareNames(one: BestQuotes, other: BestQuotes): number {
  return one.ask.symbol.localeCompare(other.ask.symbol, "en") || one.key.localeCompare(other.key, "en");
}

/** The time of the oldest figure that the gap is computed from. */
export function oldestMs({ ask, bid, valuedAtMs }: BestQuotes): number {
  return Math.min(ask.quotedAtMs, bid.quotedAtMs, valuedAtMs ?? Number.POSITIVE_INFINITY);
}

export function ordered(rows: readonly BestQuotes[], { sort, descending }: Pick<SpreadsAddress, "sort" | "descending">): BestQuotes[] {
  const sign = descending ? -1 : 1;
  return [...rows].sort((one, other) => sign * COMPARE[sort](one, other) || compareNames(one, other));
}

/** The rows in the places that they have in `before`; those that are new follow in the order given. */
export function inPlacesOf(before: readonly BestQuotes[], rows: readonly BestQuotes[]): BestQuotes[] {
  const places = new Map(before.map(({ key }, place) => [key, place]));
  const placeOf = ({ key }: BestQuotes) => places.get(key) ?? before.length;
  return [...rows].sort((one, other) => placeOf(one) - placeOf(other));
}
