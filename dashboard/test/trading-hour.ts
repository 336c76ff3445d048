// An hour of trading with faults, and by how many crossings an alert must fire in it.
import type { AlertQuote } from "../src/alerts/engine";
import type { AlertKind, AlertRule } from "../src/alerts/rules";

export const START_MS = Date.parse("2026-11-29T12:00:00Z");
const HOUR_S = 3_600;
export const TTL_MS = 10_000;

export function rule(kind: AlertKind, level: string, source: string | null = null, windowMin = 5): AlertRule {
  return { id: `${kind} ${level}`, symbol: "BTC/USDT", source, kind, level, windowMin };
}

/** A reproducible generator of numbers from 0 to 1 (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What the page holds at one moment; prices in cents, so that the count below needs no decimals. */
export interface Moment {
  atMs: number;
  cents: Map<string, number>;
  observedAtMs: Map<string, number>;
  isSimulated: Map<string, boolean>;
}

const SOURCES = ["BINANCE", "KRAKEN", "OKX"];

/**
 * An hour of trading, looked at each second: a walk that swings around 60,000.00, with sources that fall silent for up to a
 * minute, are suspected (their quote is withdrawn), repeat their last message, and lose the page for some seconds. A simulated
 * source far away stands beside the live ones.
 */
export function hourOfTrading(seed: number): Moment[] {
  const random = generator(seed);
  const moments: Moment[] = [];
  const cents = new Map<string, number>();
  const observedAtMs = new Map<string, number>();
  const silentUntil = new Map<string, number>();
  const suspectUntil = new Map<string, number>();
  let offlineUntil = 0;
  for (let second = 0; second < HOUR_S; second++) {
    const atMs = START_MS + second * 1_000;
    const middle = 6_000_000 + Math.round(60_000 * Math.sin(second / 90) + 20_000 * Math.sin(second / 7));
    for (const source of SOURCES) {
      if (random() < 0.004) silentUntil.set(source, second + Math.ceil(random() * 60));
      if (random() < 0.001) suspectUntil.set(source, second + Math.ceil(random() * 120));
      if (second < (silentUntil.get(source) ?? 0) || random() < 0.2) continue;
      cents.set(source, middle + Math.round((random() - 0.5) * 8_000));
      observedAtMs.set(source, atMs - Math.floor(random() * 900));
    }
    if (random() < 0.003) offlineUntil = second + Math.ceil(random() * 40);
    if (second < offlineUntil) continue;
    const told = SOURCES.filter((source) => cents.has(source) && second >= (suspectUntil.get(source) ?? 0));
    const moment = { atMs, cents: new Map(told.map((each) => [each, cents.get(each) as number])), observedAtMs: new Map(told.map((each) => [each, observedAtMs.get(each) as number])), isSimulated: new Map<string, boolean>() };
    moment.cents.set("SIMULATED", 9_000_000 * (second % 2));
    moment.observedAtMs.set("SIMULATED", atMs);
    moment.isSimulated.set("SIMULATED", true);
    moments.push(moment);
  }
  return moments;
}

export function quotesOf({ cents, observedAtMs, isSimulated }: Moment): AlertQuote[] {
  return [...cents].map(([source, price]) => ({ source, price: `${Math.floor(price / 100)}.${String(price % 100).padStart(2, "0")}`, observedAtMs: observedAtMs.get(source) as number, ttlMs: TTL_MS, simulated: isSimulated.get(source) ?? false }));
}

/** Prices in cents of the live sources that are fresh, by the test's own reckoning, ascending. */
export function freshCents({ atMs, cents, observedAtMs, isSimulated }: Moment, source: string | null): number[] {
  return [...cents.keys()]
    .filter((each) => !isSimulated.has(each) && (source === null || each === source) && atMs - (observedAtMs.get(each) as number) <= TTL_MS)
    .map((each) => cents.get(each) as number)
    .sort((one, other) => one - other);
}

/** The lower one of two in the middle. */
export const middleOf = (sorted: number[]): number | undefined => sorted[Math.ceil(sorted.length / 2) - 1];

/**
 * Counts crossings in a text of letters, one a moment: N: on the near side, M: between the level and where a rule is armed again,
 * B: beyond. A beginning between counts as near.
 */
export function countCrossings(letters: string): number {
  const cleaned = letters.replace(/^M/, "N").replaceAll("M", "");
  return (cleaned.match(/NB/g) ?? []).length;
}
