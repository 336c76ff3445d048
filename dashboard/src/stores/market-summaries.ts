// The last day of every instrument of the market: closes and changes, loaded once a minute, as the gateway computes them.
import type { Client } from "urql";
import { type MarketRateFragment, MarketSummariesDocument } from "../graphql/generated";
import { Periodic } from "../live/periodic";
import { failedLoad } from "../live/refusal";
import type { MarketStore } from "./market-store";

const EVERY_MS = 60_000;
const RETRY_MS = 15_000;
/** One query has so many symbols at most: the gateway limits the cost of one. */
const MOST_SYMBOLS = 250;
const SOON_MS = 500;

export function marketSummaries(client: Client, market: MarketStore<MarketRateFragment>): Periodic {
  const load = async () => {
    const symbols = [...market.rows.keys()].sort();
    for (let first = 0; first < symbols.length; first += MOST_SYMBOLS) {
      const { data, error } = await client.query(MarketSummariesDocument, { symbols: symbols.slice(first, first + MOST_SYMBOLS) }).toPromise();
      if (!data?.summaries) return failedLoad(error);
      for (const summary of data.summaries) market.change(summary.symbol, (row) => row.summarise(summary));
    }
    return symbols.length > 0 ? null : failedLoad();
  };
  const periodic = new Periodic(load, EVERY_MS, RETRY_MS);
  let count = 0;
  market.onShape(() => {
    if (market.rows.size > count) periodic.hasten(SOON_MS);
    count = market.rows.size;
  });
  return periodic;
}
