// One instrument with the rates of all sources. The store updates it in place; the rows of the table read it.
import type { MarketRateFragment, MissingFragment } from "../graphql/generated";
import { compareDecimals } from "../rates/decimal";
import { type Freshness, freshnessOf } from "../rates/freshness";
import type { ServerClock } from "../rates/server-clock";
import { spreadBps } from "../rates/spread";

/** The newest rate of a source that the page holds. */
export interface Quote<Item extends MarketRateFragment = MarketRateFragment> {
  rate: Item;
  observedAtMs: number;
  /** Direction of the last price change. */
  direction: "up" | "down" | null;
  /** Number of price changes, so that each one flashes once. */
  moves: number;
}

export class InstrumentRow<Item extends MarketRateFragment = MarketRateFragment> {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly quotes = new Map<string, Quote<Item>>();
  readonly missing = new Map<string, MissingFragment>();
  /** Increases with every change. */
  version = 0;

  constructor(symbol: string) {
    this.symbol = symbol;
    [this.base = "", this.quote = ""] = symbol.split("/");
  }

  get isEmpty(): boolean {
    return this.quotes.size === 0 && this.missing.size === 0;
  }

  put(rate: Item): void {
    const source = rate.source.code;
    const before = this.quotes.get(source);
    const moved = before === undefined ? 0 : compareDecimals(rate.price, before.rate.price);
    this.quotes.set(source, {
      rate,
      observedAtMs: Date.parse(rate.observedAt),
      direction: moved === 0 ? (before?.direction ?? null) : moved > 0 ? "up" : "down",
      moves: (before?.moves ?? 0) + (moved === 0 ? 0 : 1),
    });
    this.missing.delete(source);
    this.version += 1;
  }

  /** Unavailable: never seen (then `isTracked`), or no longer tracked. */
  lose(missing: MissingFragment, isTracked: boolean): void {
    for (const source of missing.source === null ? [...this.quotes.keys()] : [missing.source.code]) this.quotes.delete(source);
    if (isTracked) this.missing.set(missing.source?.code ?? "", missing);
    this.version += 1;
  }

  freshness(quote: Quote, clock: ServerClock, nowMs: number): Freshness {
    return freshnessOf(clock.ageMs(quote.observedAtMs, nowMs), quote.rate.ttlMs);
  }

  /** Returns the rate to show if only one is shown: of the first fresh source in `order`, otherwise the newest. */
  lead(order: readonly string[], clock: ServerClock, nowMs: number): Quote<Item> | null {
    let newest: Quote<Item> | null = null;
    for (const source of order) {
      const quote = this.quotes.get(source);
      if (quote === undefined) continue;
      if (this.freshness(quote, clock, nowMs) === "FRESH") return quote;
      if (newest === null || quote.observedAtMs > newest.observedAtMs) newest = quote;
    }
    return newest;
  }

  /** Spread between fresh sources only: with old prices it would show price changes over time. */
  spread(clock: ServerClock, nowMs: number): number | null {
    const fresh = [...this.quotes.values()].filter((quote) => this.freshness(quote, clock, nowMs) === "FRESH");
    return spreadBps(fresh.map((quote) => quote.rate.price));
  }
}
