// What a row of the market shows of all its sources: one price that leads, a spread, a volume (decision 65).
import { freshnessOf, type Freshness } from "../rates/freshness";
import { type Candidate, CONSENSUS, type LeadState, nextLead } from "../rates/lead-rule";
import type { ServerClock } from "../rates/server-clock";
import { spreadBps } from "../rates/spread";
import type { InstrumentRow, Quote } from "../stores/instrument-row";

/** What the rules need to know beside the row. */
export interface Surroundings {
  /** All sources in the gateway's order. Empty while that is not known. */
  order: readonly string[];
  /** Those that are markets of their own. Empty while that is not known. */
  exchanges: readonly string[];
  clock: ServerClock;
  nowMs: number;
  /** What leads each instrument, by symbol, in all views of the page. */
  leads: Map<string, LeadState>;
}

export interface Headline {
  /** `CONSENSUS`, or the code of the source. */
  from: string;
  before: string | null;
  sinceMs: number;
  price: string;
  observedAtMs: number;
  freshness: Freshness;
  direction: "up" | "down" | null;
  moves: number;
  /** Number of exchanges in a consensus; 1 for a source. */
  sources: number;
  diverged: boolean;
}

/** Finds the price that leads the row, and remembers it in `leads`. Null without any rate. */
export function findHeadline(row: InstrumentRow, { order, exchanges, clock, nowMs, leads }: Surroundings): Headline | null {
  const ageMs = (observedAtMs: number) => clock.ageMs(observedAtMs, nowMs);
  const candidates = candidatesOf(row, order, exchanges);
  const state = nextLead(leads.get(row.symbol) ?? null, candidates, ageMs, nowMs);
  // At the start the rates come first. What leads until the rest is known has not led.
  if (row.isConsensusKnown && exchanges.length > 0 && state !== null) leads.set(row.symbol, state);
  const lead = candidates.find(({ from }) => from === state?.from);
  if (state === null || lead === undefined) return null;
  const shared = { from: state.from, before: state.before, sinceMs: state.sinceMs, observedAtMs: lead.observedAtMs, freshness: freshnessOf(ageMs(lead.observedAtMs), lead.ttlMs) };
  if (state.from === CONSENSUS && row.consensus !== null) {
    const { price, direction, moves, used, diverged } = row.consensus;
    return { ...shared, price, direction, moves, sources: used.size, diverged };
  }
  const quote = row.quotes.get(state.from) as Quote;
  return { ...shared, price: quote.rate.price, direction: quote.direction, moves: quote.moves, sources: 1, diverged: false };
}

/** In order of preference: the consensus, exchanges, aggregators, whose prices are older and those of many markets. */
function candidatesOf(row: InstrumentRow, order: readonly string[], exchanges: readonly string[]): Candidate[] {
  const found: Candidate[] = [];
  if (row.consensus !== null) found.push({ from: CONSENSUS, observedAtMs: row.consensus.observedAtMs, ttlMs: longestTtl(row, exchanges) });
  const sources = sourcesOf(row, order);
  for (const source of [...sources.filter((each) => exchanges.includes(each)), ...sources.filter((each) => !exchanges.includes(each))]) {
    const quote = row.quotes.get(source);
    if (quote !== undefined) found.push({ from: source, observedAtMs: quote.observedAtMs, ttlMs: quote.rate.ttlMs });
  }
  return found;
}

/** The sources of the row in the gateway's order, those that it has not listed yet last. */
function sourcesOf(row: InstrumentRow, order: readonly string[]): string[] {
  return [...order.filter((each) => row.quotes.has(each)), ...[...row.quotes.keys()].filter((each) => !order.includes(each)).sort()];
}

/** Each rate in a consensus is within its own TTL, so none is older than the longest. */
function longestTtl(row: InstrumentRow, exchanges: readonly string[]): number {
  return Math.max(0, ...exchanges.map((source) => row.quotes.get(source)?.rate.ttlMs ?? 0));
}

export interface Spread {
  bps: number;
  low: [source: string, price: string];
  high: [source: string, price: string];
}

/**
 * The distance between the prices that are in the consensus of the exchanges: fresh, of the same asset, none an outlier, the
 * middle of bid and ask where the last trade is old. Null for fewer than two, and when they have aged.
 */
export function findSpread(row: InstrumentRow, { exchanges, clock, nowMs }: Pick<Surroundings, "exchanges" | "clock" | "nowMs">): Spread | null {
  const { consensus } = row;
  if (consensus === null || consensus.used.size < 2) return null;
  if (freshnessOf(clock.ageMs(consensus.observedAtMs, nowMs), longestTtl(row, exchanges)) !== "FRESH") return null;
  const prices = [...consensus.used].sort(([, one], [, other]) => Number(one) - Number(other));
  const bps = spreadBps(prices.map(([, price]) => price));
  const [low, high] = [prices[0], prices.at(-1)];
  return bps === null || low === undefined || high === undefined ? null : { bps, low, high };
}

export interface Volume {
  /** In units of the quote asset. */
  amount: number;
  sources: string[];
}

/**
 * The value of a day's trades of the pair on all exchanges together, in the quote asset. An aggregator's volume is that of
 * all markets of the asset and is left out. Null where no exchange publishes one. A magnitude: floats are enough.
 */
export function findVolume(row: InstrumentRow, exchanges: readonly string[]): Volume | null {
  let amount = 0;
  const sources: string[] = [];
  for (const source of exchanges) {
    const rate = row.quotes.get(source)?.rate;
    if (rate === undefined || rate.volume24h === null) continue;
    amount += Number(rate.volume24h) * Number(rate.price);
    sources.push(source);
  }
  return sources.length === 0 ? null : { amount, sources };
}

/** The decimals of all prices of the row: as many as its exchanges have published, so that they are of one precision. */
export function decimalsOf(row: InstrumentRow, exchanges: readonly string[]): number {
  let most = -1;
  for (const source of exchanges) most = Math.max(most, row.quotes.get(source)?.decimals ?? -1);
  if (most < 0) for (const { decimals } of row.quotes.values()) most = Math.max(most, decimals);
  return Math.max(0, most);
}

export interface Change {
  percent: string;
  /** Where it is from: the history of a source, or what a source publishes of itself. */
  source: string;
  isPublished: boolean;
}

/** A change over 1 h, 24 h or 7 d by the history; over 24 h else as the first source publishes it. */
export function findChange(row: InstrumentRow, span: "1h" | "24h" | "7d", order: readonly string[]): Change | null {
  const { summary } = row;
  const percent = summary === null ? null : summary[`changePercent${span}`];
  if (summary !== null && percent !== null) return { percent, source: summary.source?.code ?? "", isPublished: false };
  if (span !== "24h") return null;
  for (const source of sourcesOf(row, order)) {
    const published = row.quotes.get(source)?.rate.changePercent24h ?? null;
    if (published !== null) return { percent: published, source, isPublished: true };
  }
  return null;
}
