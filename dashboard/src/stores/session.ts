// State of the page that outlives a single view, created once.
import { connectGateway } from "../graphql/gateway";
import { MarketDocument, type MarketRateFragment, type MarketSubscriptionVariables } from "../graphql/generated";
import { Connection } from "../live/connection";
import { RatesFeed, type RatesFeedListener } from "../live/rates-feed";
import { AssetNames } from "./asset-names";
import { MarketStore } from "./market-store";
import { ServerClock } from "../rates/server-clock";
import { SourceHealth } from "./source-health";

export const gateway = connectGateway();
export const clock = new ServerClock();
export const connection = new Connection();
export const names = new AssetNames();
export const market = new MarketStore(clock);
export const health = new SourceHealth(gateway, (order) => market.orderSources(order));

/** Writes the events of a view into its store, and its interruptions into the connection state of the page. */
export function listenInto<Item extends MarketRateFragment>(store: MarketStore<Item>): RatesFeedListener<Item> {
  return {
    onStep: (step, replaces) => store.apply(step, replaces),
    onPhase: connection.enter,
    onNotice: connection.note,
    onProblem: connection.object,
  };
}

export const marketFeed = new RatesFeed<MarketRateFragment, MarketSubscriptionVariables>(gateway, MarketDocument, {}, listenInto(market));
