// The rates of a wallboard, and the source that each tile shows.
import { type MarketRateFragment, WallDocument, type WallSubscriptionVariables } from "../graphql/generated";
import type { Gateway } from "../graphql/gateway";
import { RatesFeed, type RatesFeedListener } from "../live/rates-feed";
import type { Pausable } from "../live/visibility";
import type { InstrumentRow, Quote } from "../stores/instrument-row";
import type { MarketStore } from "../stores/market-store";

export class WallFeed implements Pausable {
  readonly store: MarketStore;
  readonly #feed: RatesFeed<MarketRateFragment, WallSubscriptionVariables>;
  /** Source of each tile. It stays until it is no longer fresh, so that a figure does not change with whoever was last. */
  readonly #shown = new Map<string, string>();

  constructor(gateway: Gateway, store: MarketStore, symbols: readonly string[], source: string | null, listener: RatesFeedListener<MarketRateFragment>) {
    this.store = store;
    this.#feed = new RatesFeed(gateway, WallDocument, { symbols: [...symbols], sources: source === null ? null : [source as "BINANCE"] }, listener);
  }

  start(): void {
    this.#feed.start();
  }

  pause(): void {
    this.#feed.pause();
  }

  leave(): void {
    this.#feed.leave();
  }

  retryNow(): void {
    this.#feed.retryNow();
  }

  doubt(): void {
    this.#feed.doubt();
  }

  /** The quote to show: of the source shown before while it is fresh, then of the first fresh one, otherwise the newest. */
  quote(row: InstrumentRow, nowMs: number): Quote | null {
    const before = row.quotes.get(this.#shown.get(row.symbol) ?? "");
    const chosen = before !== undefined && row.freshness(before, this.store.clock, nowMs) === "FRESH" ? before : row.lead(this.store.sources, this.store.clock, nowMs);
    if (chosen !== null) this.#shown.set(row.symbol, chosen.rate.source.code);
    return chosen;
  }
}
