// The newest quotes of all pairs, and the assets that each source means by a pair.
import type { SpreadsSubscription } from "../graphql/generated";
import type { RatesStep } from "../live/rates-feed";
import type { Quote } from "./best-quotes";

export type SpreadRate = NonNullable<SpreadsSubscription["rates"]>["items"][number];

/** The reviewed assets of a pair, as one source means it. */
export interface PairAssets {
  base: string;
  quote: string;
}

export class QuoteBook {
  /** Whether the first rates have arrived. */
  loaded = false;
  /** By pair and source. Null while it is not known which quotes may be compared. */
  assets: ReadonlyMap<string, PairAssets> | null = null;
  readonly #rates = new Map<string, SpreadRate>();

  /** `replaces`: the step is complete. */
  apply({ kind, items, unavailable }: Pick<RatesStep<SpreadRate>, "kind" | "items" | "unavailable">, replaces: boolean): void {
    this.loaded ||= kind === "SNAPSHOT";
    if (replaces) this.#rates.clear();
    for (const rate of items) this.#rates.set(keyOf(rate.symbol, rate.source.code), rate);
    for (const { symbol, source } of unavailable) this.#lose(symbol, source?.code ?? null);
  }

  /** Quotes of both sides whose assets are reviewed: what nobody has reviewed is compared with nothing. */
  *quotes(): Generator<Quote> {
    for (const [key, { symbol, source, bid, ask, quotedAt, ttlMs, simulated }] of this.#rates) {
      const assets = this.assets?.get(key);
      if (assets === undefined || bid === null || ask === null || quotedAt === null) continue;
      yield { symbol, source: source.code, bid, ask, quotedAtMs: Date.parse(quotedAt), ttlMs, simulated, ...assets };
    }
  }

  #lose(symbol: string, source: string | null): void {
    if (source !== null) this.#rates.delete(keyOf(symbol, source));
    else for (const [key, rate] of [...this.#rates]) if (rate.symbol === symbol) this.#rates.delete(key);
  }
}

export function keyOf(symbol: string, source: string): string {
  return `${symbol} ${source}`;
}
