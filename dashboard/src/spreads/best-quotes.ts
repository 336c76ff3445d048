// The lowest ask and the highest bid of an asset, or of a pair, over all sources. Pure.
import { compareDecimals } from "../rates/decimal";

/** Both sides of one source for one pair. */
export interface Quote {
  symbol: string;
  source: string;
  bid: string;
  ask: string;
  quotedAtMs: number;
  ttlMs: number;
  simulated: boolean;
  /** The reviewed assets that the source means. */
  base: string;
  quote: string;
}

/** What one unit of a currency is worth in US dollars. */
export interface UsdValue {
  rate: number;
  observedAtMs: number;
  simulated: boolean;
}

export interface BestQuote {
  source: string;
  symbol: string;
  price: string;
  quotedAtMs: number;
  /** The asset that the price is in. */
  currency: string;
  /** In US dollars where the currency has a value, else in the currency. For comparisons of different currencies. */
  value: number;
}

export interface BestQuotes {
  /** The reviewed asset, or the pair. */
  key: string;
  ask: BestQuote;
  bid: BestQuote;
  /** From the ask to the bid, of their middle: positive where a buyer of one source offers more than a seller of another asks. */
  gapBps: number;
  /** The number of sources that are compared. */
  sources: number;
  /** The time of the older value in US dollars, where ask and bid are in two currencies; null where they are in one. */
  valuedAtMs: number | null;
}

export type Outcome =
  | { kind: "found"; quotes: BestQuotes }
  /** Fewer than two sources have a fresh quote of the same asset. */
  | { kind: "lonely" }
  /** So far apart that one source may mean another coin: the gateway leaves such prices out of merged answers, too. */
  | { kind: "doubtful" };

/** As the gateway's default for prices that are not those of one asset. */
const DOUBTFUL_BPS = 2_000;

/**
 * Compares the quotes of one asset, which may be in several currencies. Those with a value in dollars are compared with each
 * other; a currency without one is compared with itself. The largest of these groups is shown.
 *
 * `usdValueOf`: null for a currency without a fresh value. `nowMs`: by the gateway's clock.
 */
export function findBestQuotes(key: string, quotes: readonly Quote[], usdValueOf: (currency: string, simulated: boolean) => UsdValue | null, nowMs: number): Outcome {
  const fresh = quotes.filter(({ quotedAtMs, ttlMs }) => nowMs - quotedAtMs <= ttlMs);
  // Simulated quotes are compared with each other, but not where there are real ones.
  const isLive = fresh.some(({ simulated }) => !simulated);
  const groups = new Map<string, Quote[]>();
  for (const each of fresh) {
    if (isLive && each.simulated) continue;
    const group = `${each.base} ${usdValueOf(each.quote, each.simulated) === null ? each.quote : "in dollars"}`;
    groups.set(group, [...(groups.get(group) ?? []), each]);
  }
  const [compared] = [...groups.values()].sort((one, other) => countSources(other) - countSources(one));
  return compared === undefined || countSources(compared) < 2 ? { kind: "lonely" } : compare(key, compared, usdValueOf);
}

function countSources(quotes: readonly Quote[]): number {
  return new Set(quotes.map(({ source }) => source)).size;
}

function compare(key: string, quotes: readonly Quote[], usdValueOf: (currency: string, simulated: boolean) => UsdValue | null): Outcome {
  const side = (each: Quote, price: string): BestQuote => {
    const value = Number(price) * (usdValueOf(each.quote, each.simulated)?.rate ?? 1);
    return { source: each.source, symbol: each.symbol, price, quotedAtMs: each.quotedAtMs, currency: each.quote, value };
  };
  const ask = quotes.map((each) => side(each, each.ask)).reduce((best, each) => (comparePrices(each, best) < 0 ? each : best));
  const bid = quotes.map((each) => side(each, each.bid)).reduce((best, each) => (comparePrices(each, best) > 0 ? each : best));
  const gapBps = ((bid.value - ask.value) / ((bid.value + ask.value) / 2)) * 10_000;
  if (!Number.isFinite(gapBps) || Math.abs(gapBps) > DOUBTFUL_BPS) return { kind: "doubtful" };
  const valued = ask.currency === bid.currency ? [] : [ask, bid].flatMap(({ currency }) => usdValueOf(currency, quotes[0]?.simulated ?? false)?.observedAtMs ?? []);
  return { kind: "found", quotes: { key, ask, bid, gapBps, sources: countSources(quotes), valuedAtMs: valued.length === 0 ? null : Math.min(...valued) } };
}

/** Exact in one currency; by value in two. */
export function comparePrices(one: BestQuote, other: BestQuote): number {
  return one.currency === other.currency ? compareDecimals(one.price, other.price) : one.value - other.value;
}
