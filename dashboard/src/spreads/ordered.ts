// The order of the spread view. Pure.
import type { SpreadsAddress, SpreadSortKey } from "../browser/view-address";
import { compareDecimals } from "../rates/decimal";
import type { BestQuotes } from "./best-quotes";

const COMPARE: Record<SpreadSortKey, (one: BestQuotes, other: BestQuotes) => number> = {
  symbol: (one, other) => other.symbol.localeCompare(one.symbol, "en") * -1,
  ask: (one, other) => compareDecimals(one.ask.price, other.ask.price),
  bid: (one, other) => compareDecimals(one.bid.price, other.bid.price),
  gap: (one, other) => one.gapBps - other.gapBps,
  age: (one, other) => oldest(other) - oldest(one),
};

function oldest({ ask, bid }: BestQuotes): number {
  return Math.min(ask.quotedAtMs, bid.quotedAtMs);
}

export function ordered(rows: readonly BestQuotes[], { sort, descending }: SpreadsAddress): BestQuotes[] {
  const sign = descending ? -1 : 1;
  return [...rows].sort((one, other) => sign * COMPARE[sort](one, other) || one.symbol.localeCompare(other.symbol, "en"));
}
