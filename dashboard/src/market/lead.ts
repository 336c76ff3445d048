// The rate that the page of an instrument shows if it shows only one.
import type { MarketRateFragment } from "../graphql/generated";
import { clock, market } from "../stores/session";
import type { InstrumentRow, Quote } from "../stores/instrument-row";

export function leadOf<Item extends MarketRateFragment>(row: InstrumentRow<Item>, order = market.sources): Quote<Item> | null {
  return row.lead(order, clock, Date.now());
}
