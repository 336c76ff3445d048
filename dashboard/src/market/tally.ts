// Summary of all rates: number and freshness.
import type { Freshness } from "../rates/freshness";
import type { MarketStore } from "../stores/market-store";

export interface Tally {
  instruments: number;
  rates: number;
  byFreshness: Record<Freshness, number>;
  missing: number;
}

export function tally(store: MarketStore, nowMs: number): Tally {
  const counted: Tally = { instruments: store.rows.size, rates: 0, byFreshness: { FRESH: 0, STALE: 0, EXPIRED: 0 }, missing: 0 };
  for (const row of store.rows.values()) {
    counted.rates += row.quotes.size;
    counted.missing += row.missing.size;
    for (const quote of row.quotes.values()) counted.byFreshness[row.freshness(quote, store.clock, nowMs)] += 1;
  }
  return counted;
}
