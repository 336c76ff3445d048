// One instrument with the rates of all sources. The store updates it in place; the rows of the table read it.
import type { MarketConsensusFragment, MarketRateFragment, MarketSummaryFragment, MissingFragment } from "../graphql/generated";
import { compareDecimals } from "../rates/decimal";
import { type Freshness, freshnessOf } from "../rates/freshness";
import type { ServerClock } from "../rates/server-clock";
import { fractionLength } from "../rates/significant";

/** The newest rate of a source that the page holds. */
export interface Quote<Item extends MarketRateFragment = MarketRateFragment> {
  rate: Item;
  observedAtMs: number;
  /** Direction of the last price change. */
  direction: "up" | "down" | null;
  /** Number of price changes, so that each one flashes once. */
  moves: number;
  /** The most decimals that its prices have had, so that a column does not jump with trailing zeros. */
  decimals: number;
}

/** The consensus of the exchanges of a symbol, as the gateway computes it. */
export interface RowConsensus {
  price: string;
  observedAtMs: number;
  diverged: boolean;
  /** The prices that are in it, by source. */
  used: ReadonlyMap<string, string>;
  direction: "up" | "down" | null;
  moves: number;
}

export class InstrumentRow<Item extends MarketRateFragment = MarketRateFragment> {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly quotes = new Map<string, Quote<Item>>();
  readonly missing = new Map<string, MissingFragment>();
  consensus: RowConsensus | null = null;
  summary: MarketSummaryFragment | null = null;
  /** Whether the gateway has told the consensus, or there can be none: until then nothing else may lead the row for good. */
  isConsensusKnown = false;
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
      direction: turn(moved, before?.direction),
      moves: (before?.moves ?? 0) + (moved === 0 ? 0 : 1),
      decimals: before !== undefined && moved === 0 ? before.decimals : Math.max(before?.decimals ?? 0, fractionLength(rate.price)),
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

  /** Null: the gateway has none. */
  agree(consensus: MarketConsensusFragment | null): void {
    this.version += 1;
    this.isConsensusKnown = true;
    if (consensus === null || consensus.price === null || consensus.observedAt === null) {
      this.consensus = null;
      return;
    }
    const moved = this.consensus === null ? 0 : compareDecimals(consensus.price, this.consensus.price);
    const included = consensus.contributions.filter((each) => each.included && each.usedPrice !== null);
    this.consensus = {
      price: consensus.price,
      observedAtMs: Date.parse(consensus.observedAt),
      diverged: consensus.quality === "DIVERGED",
      used: new Map(included.map(({ source, usedPrice }) => [source.code, usedPrice as string])),
      direction: turn(moved, this.consensus?.direction),
      moves: (this.consensus?.moves ?? 0) + (moved === 0 ? 0 : 1),
    };
  }

  summarise(summary: MarketSummaryFragment): void {
    this.summary = summary;
    this.version += 1;
  }

  freshness(quote: Quote, clock: ServerClock, nowMs: number): Freshness {
    return freshnessOf(clock.ageMs(quote.observedAtMs, nowMs), quote.rate.ttlMs);
  }

  /** Returns the rate to show where no consensus is asked for: of the first fresh source in `order`, otherwise the newest. */
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
}

function turn(moved: number, before: "up" | "down" | null | undefined): "up" | "down" | null {
  if (moved === 0) return before ?? null;
  return moved > 0 ? "up" : "down";
}
