// What a row shows where there is room for one rate.
import type { MarketRateFragment } from "../graphql/generated";
import { clock, market } from "../stores/session";
import type { InstrumentRow, Quote } from "../stores/instrument-row";

export function leadOf<Item extends MarketRateFragment>(row: InstrumentRow<Item>, order = market.sources): Quote<Item> | null {
  return row.lead(order, clock, Date.now());
}

/** What a day's trades were worth, in the quote asset; for order and magnitude only. */
export function turnover({ rate }: Quote): number | null {
  return rate.volume24h === null ? null : Number(rate.volume24h) * Number(rate.price);
}
