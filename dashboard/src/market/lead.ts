// The rate that a row shows if it shows only one.
import type { MarketRateFragment } from "../graphql/generated";
import { clock, market } from "../stores/session";
import type { InstrumentRow, Quote } from "../stores/instrument-row";

export function leadOf<Item extends MarketRateFragment>(row: InstrumentRow<Item>, order = market.sources): Quote<Item> | null {
  return row.lead(order, clock, Date.now());
}

/** Value of the trades of 24 hours in the quote asset; for sorting and magnitude only. */
export function turnover({ rate }: Quote): number | null {
  return rate.volume24h === null ? null : Number(rate.volume24h) * Number(rate.price);
}
