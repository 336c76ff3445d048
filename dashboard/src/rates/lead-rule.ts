// Which price stands for a row, and when that changes (decision 65).
import { type Freshness, freshnessOf } from "./freshness";

/** A price that may stand for the row: the consensus of its exchanges, or the rate of one source. */
export interface Candidate {
  /** `CONSENSUS`, or the code of the source. */
  from: string;
  observedAtMs: number;
  ttlMs: number;
}

export interface LeadState {
  from: string;
  /** What led before, if that has changed while the page was open. */
  before: string | null;
  /** When the present one took over. */
  sinceMs: number;
  /** A better one, and since when it has been there without a break. */
  better: string | null;
  betterSinceMs: number;
}

export const CONSENSUS = "CONSENSUS";
/** How long a better price must have been there before it takes over: a row would flip with every pause of a source. */
export const RETURN_AFTER_MS = 15_000;

/**
 * The next state. `candidates` is in order of preference: the consensus, then exchanges, then aggregators.
 *
 * The first fresh one leads. One that leads is left at once when it is fresh no more and another is, and not before; it is
 * given up for a better one after that has been there for 15 s. Where nothing is fresh, nothing changes.
 */
export function nextLead(state: LeadState | null, candidates: readonly Candidate[], ageMs: (observedAtMs: number) => number, nowMs: number): LeadState | null {
  const isFresh = ({ observedAtMs, ttlMs }: Candidate) => freshnessOf(ageMs(observedAtMs), ttlMs) === "FRESH";
  const best = candidates.find(isFresh);
  const present = state === null ? undefined : candidates.find(({ from }) => from === state.from);
  if (best === undefined) {
    if (state !== null && present !== undefined) return state.better === null ? state : { ...state, better: null };
    const newest = newestOf(candidates);
    return newest === undefined ? null : take(state, newest.from, nowMs);
  }
  if (state === null || present === undefined || !isFresh(present)) return best.from === state?.from ? state : take(state, best.from, nowMs);
  if (best.from === state.from) return state.better === null ? state : { ...state, better: null };
  if (state.better !== best.from) return { ...state, better: best.from, betterSinceMs: nowMs };
  return nowMs - state.betterSinceMs >= RETURN_AFTER_MS ? take(state, best.from, nowMs) : state;
}

export function freshnessOfCandidate({ observedAtMs, ttlMs }: Candidate, ageMs: (observedAtMs: number) => number): Freshness {
  return freshnessOf(ageMs(observedAtMs), ttlMs);
}

function take(state: LeadState | null, from: string, nowMs: number): LeadState {
  return { from, before: state === null || state.from === from ? null : state.from, sinceMs: nowMs, better: null, betterSinceMs: nowMs };
}

function newestOf(candidates: readonly Candidate[]): Candidate | undefined {
  return [...candidates].sort((one, other) => other.observedAtMs - one.observedAtMs)[0];
}
