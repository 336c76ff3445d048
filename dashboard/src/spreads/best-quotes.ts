// The lowest ask and the highest bid of an instrument over all sources. Pure.
import { compareDecimals } from "../rates/decimal";
import type { SpreadRate } from "./spreads-feed";

export interface BestQuote {
  source: string;
  price: string;
  size: string | null;
  quotedAtMs: number;
}

export interface BestQuotes {
  symbol: string;
  ask: BestQuote;
  bid: BestQuote;
  /** From the ask to the bid, of their middle: positive where a buyer of one source offers more than a seller of another asks. */
  gapBps: number;
  /** The number of sources that are compared. */
  sources: number;
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
 * `assetsOf`: the key of the assets that a source means; null if they are not reviewed or not known, which is compared with nothing.
 * `nowMs`: by the gateway's clock.
 */
export function findBestQuotes(symbol: string, rates: Iterable<SpreadRate>, assetsOf: (source: string) => string | null, nowMs: number): Outcome {
  const groups = new Map<string, SpreadRate[]>();
  for (const rate of rates) {
    const assets = assetsOf(rate.source.code);
    if (assets === null || !isQuoteFresh(rate, nowMs)) continue;
    const group = `${rate.simulated ? "simulated" : "live"} ${assets}`;
    groups.set(group, [...(groups.get(group) ?? []), rate]);
  }
  // Simulated quotes are compared with each other, but not where there are real ones.
  const isLive = [...groups.keys()].some((group) => group.startsWith("live"));
  const [compared] = [...groups].filter(([group]) => !isLive || group.startsWith("live")).sort(([, one], [, other]) => other.length - one.length);
  if (compared === undefined || compared[1].length < 2) return { kind: "lonely" };
  return compare(symbol, compared[1]);
}

/** Both sides are quoted, and not longer ago than the TTL of the source. */
function isQuoteFresh({ bid, ask, quotedAt, ttlMs }: SpreadRate, nowMs: number): boolean {
  return bid !== null && ask !== null && quotedAt !== null && nowMs - Date.parse(quotedAt) <= ttlMs;
}

function compare(symbol: string, rates: readonly SpreadRate[]): Outcome {
  const asks = rates.map((rate) => quoteOf(rate, rate.ask, rate.askSize));
  const bids = rates.map((rate) => quoteOf(rate, rate.bid, rate.bidSize));
  const ask = asks.reduce((best, each) => (compareDecimals(each.price, best.price) < 0 ? each : best));
  const bid = bids.reduce((best, each) => (compareDecimals(each.price, best.price) > 0 ? each : best));
  const [low, high] = [Number(ask.price), Number(bid.price)];
  const gapBps = ((high - low) / ((high + low) / 2)) * 10_000;
  if (!Number.isFinite(gapBps) || Math.abs(gapBps) > DOUBTFUL_BPS) return { kind: "doubtful" };
  return { kind: "found", quotes: { symbol, ask, bid, gapBps, sources: rates.length } };
}

function quoteOf({ source, quotedAt }: SpreadRate, price: string | null, size: string | null): BestQuote {
  return { source: source.code, price: price ?? "", size, quotedAtMs: Date.parse(quotedAt ?? "") };
}
