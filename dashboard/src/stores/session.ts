// State of the page that outlives a single view, created once.
import { connectGateway } from "../graphql/gateway";
import { MarketDocument, type MarketRateFragment, type MarketSubscriptionVariables } from "../graphql/generated";
import { Connection } from "../live/connection";
import type { LeadState } from "../rates/lead-rule";
import { RatesFeed, type RatesFeedListener } from "../live/rates-feed";
import { AssetNames } from "./asset-names";
import { MarketConsensuses } from "./market-consensuses";
import { MarketStore } from "./market-store";
import { marketSummaries } from "./market-summaries";
import { RatesInView } from "./rates-in-view";
import { ServerClock } from "../rates/server-clock";
import { SourceHealth } from "./source-health";
import { UsdRates } from "./usd-rates";

/** As often as the gateway sends the prices in view. What changes in between waits, so that the page is painted less often. */
export const MARKET_TURN_MS = 250;

export const gateway = connectGateway();
export const clock = new ServerClock();
export const connection = new Connection();
export const names = new AssetNames();
/** Whose price stands for an instrument: the same in all views, and while the viewer goes from one to another. */
export const leads = new Map<string, LeadState>();
export const market = new MarketStore(clock, MARKET_TURN_MS);
export const health = new SourceHealth(gateway, connection, (order) => {
  market.orderSources(order);
  consensuses.follow();
});
/** What the market table has beside its rates. */
export const consensuses = new MarketConsensuses(gateway, market, () => health.exchanges);
export const summaries = marketSummaries(gateway.client, market);
export const usdRates = new UsdRates(gateway.client, market);
export const inView = new RatesInView(gateway, market);

/** Writes the events of a view into its store, and its interruptions into the connection state of the page. */
export function listenInto<Item extends MarketRateFragment>(store: MarketStore<Item>): RatesFeedListener<Item> {
  return {
    onStep: (step, replaces) => store.apply(step, replaces),
    onConnection: connection.handle,
  };
}

export const marketFeed = new RatesFeed<MarketRateFragment, MarketSubscriptionVariables>(gateway, MarketDocument, {}, listenInto(market));
