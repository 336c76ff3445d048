// The lines of the live chart from one state of the consensus: all sources and their consensus at one time, so that no line is ahead of another.
import { CONSENSUS_LINE, SPREAD_LINE, type Trail } from "../chart/trail";
import { compareDecimals } from "../rates/decimal";
import { spreadBps } from "../rates/spread";
import type { Consensus } from "./consensus-state";

/** The price of what may be another coin has no line beside the others. */
const OTHER_COIN: readonly (string | null)[] = ["SUSPECT_IDENTITY", "OTHER_ASSET"];

/** Adds a state that was current at `nowMs` of the gateway's clock. */
export function addConsensus(trail: Trail, consensus: Consensus, nowMs: number): void {
  const { price, quality, contributions } = consensus;
  const lagMs = lagOf(consensus, nowMs);
  const included: string[] = [];
  for (const { source, rate, usedPrice, basis, included: isIncluded, exclusion } of contributions) {
    if (rate === null || usedPrice === null || OTHER_COIN.includes(exclusion)) continue;
    const validUntilMs = Date.parse(rate.observedAt) + rate.ttlMs + lagMs;
    if (isIncluded) included.push(usedPrice);
    if (isIncluded || nowMs <= validUntilMs) trail.add(source.code, nowMs, usedPrice, validUntilMs, basis === "MID");
  }
  // One source is no consensus, and has no distance from another one. Both lines are valid until the next state.
  if (price === null || quality === "SINGLE_SOURCE") endConsensus(trail, nowMs);
  else trail.add(CONSENSUS_LINE, nowMs, price, Number.POSITIVE_INFINITY);
  const spread = spreadBps([...included].sort(compareDecimals));
  if (spread === null) trail.end(SPREAD_LINE, nowMs);
  else trail.add(SPREAD_LINE, nowMs, spread.toFixed(2), Number.POSITIVE_INFINITY);
}

/** How long the event was on its way: a page that is busy gets it late, and what was fresh in it still is. */
function lagOf({ observedAt, ageMs }: Consensus, nowMs: number): number {
  return observedAt === null || ageMs === null ? 0 : Math.max(0, nowMs - Date.parse(observedAt) - ageMs);
}

/** The connection is lost: nothing is known of the time that follows. */
export function endConsensus(trail: Trail, nowMs: number): void {
  trail.end(CONSENSUS_LINE, nowMs);
  trail.end(SPREAD_LINE, nowMs);
}
