import { expect, test } from "vitest";
import { CONSENSUS_LINE, SPREAD_LINE, Trail } from "../src/chart/trail";
import { addConsensus, endConsensus } from "../src/instrument/consensus-lines";
import type { Consensus } from "../src/instrument/consensus-state";

const AT = Date.parse("2026-11-29T12:00:00Z");

type Contribution = Consensus["contributions"][number];

function part(source: Contribution["source"]["code"], usedPrice: string | null, change: Partial<Contribution> = {}): Contribution {
  return {
    source: { code: source },
    rate: { observedAt: new Date(AT - 1_000).toISOString(), ttlMs: 10_000 },
    usedPrice,
    basis: "LAST_TRADE",
    included: true,
    deviationBps: 0,
    weight: "0.5",
    exclusion: null,
    message: null,
    ...change,
  };
}

function consensus(price: string | null, contributions: Contribution[], change: Partial<Consensus> = {}): Consensus {
  return { price, quality: "AGREED", divergenceBps: 1, observedAt: null, ageMs: null, maxDeviationBps: 50, contributions, ...change };
}

test("the consensus and its sources have one time, and it is between them", () => {
  const trail = new Trail();
  // The sources date their prices differently; the lines do not.
  addConsensus(trail, consensus("101", [part("OKX", "100"), part("KRAKEN", "102", { rate: { observedAt: new Date(AT - 9_000).toISOString(), ttlMs: 10_000 } })]), AT);
  addConsensus(trail, consensus("104", [part("OKX", "103"), part("KRAKEN", "105")]), AT + 400);
  for (const line of ["OKX", "KRAKEN", CONSENSUS_LINE, SPREAD_LINE]) expect(trail.lines.get(line)?.map(({ time }) => time)).toEqual([AT / 1000]);
  const at = (line: string) => trail.at(line, AT / 1000)?.value ?? Number.NaN;
  expect(at(CONSENSUS_LINE)).toBeGreaterThan(at("OKX"));
  expect(at(CONSENSUS_LINE)).toBeLessThan(at("KRAKEN"));
  expect(at(SPREAD_LINE)).toBeCloseTo((2 / 104) * 10_000, 1);
});

test("a quiet source goes on as long as its price is fresh, and a stale one gets no point", () => {
  const trail = new Trail();
  const stale = part("BYBIT", "90", { included: false, exclusion: "STALE", rate: { observedAt: new Date(AT - 60_000).toISOString(), ttlMs: 10_000 } });
  addConsensus(trail, consensus("101", [part("OKX", "100"), part("KRAKEN", "102"), stale]), AT);
  trail.hold(AT + 5_000);
  trail.hold(AT + 30_000);
  expect(trail.lines.get("OKX")?.map(({ time }) => time - AT / 1000)).toEqual([0, 5]);
  expect(trail.lines.has("BYBIT")).toBe(false);
});

test("what may be another coin has no line", () => {
  const trail = new Trail();
  addConsensus(trail, consensus("101", [part("OKX", "100"), part("KRAKEN", "102"), part("BYBIT", "7", { included: false, exclusion: "SUSPECT_IDENTITY" })]), AT);
  expect(trail.lines.has("BYBIT")).toBe(false);
});

test("the middle of a quote is marked as such", () => {
  const trail = new Trail();
  addConsensus(trail, consensus("101", [part("OKX", "100", { basis: "MID" }), part("KRAKEN", "102")]), AT);
  expect(trail.at("OKX", AT / 1000)?.isMid).toBe(true);
  expect(trail.at("KRAKEN", AT / 1000)?.isMid).toBeUndefined();
});

test("one source is no consensus, and without a connection no line leads on", () => {
  const trail = new Trail();
  addConsensus(trail, consensus("100", [part("OKX", "100")], { quality: "SINGLE_SOURCE" }), AT);
  expect(trail.lines.has(CONSENSUS_LINE)).toBe(false);
  expect(trail.lines.has(SPREAD_LINE)).toBe(false);
  addConsensus(trail, consensus("101", [part("OKX", "100"), part("KRAKEN", "102")]), AT + 1_000);
  endConsensus(trail, AT + 2_000);
  trail.hold(AT + 9_000);
  expect(trail.lines.get(CONSENSUS_LINE)).toHaveLength(1);
});

test("an event that a busy page gets late breaks no line: what was fresh in it still is", () => {
  const trail = new Trail();
  const rate = (ms: number) => ({ observedAt: new Date(ms).toISOString(), ttlMs: 3_000 });
  for (const second of [0, 1, 2]) {
    const observed = AT + second * 1_000;
    // Half a second old at the gateway, five seconds at the page.
    const parts = [part("OKX", "100", { rate: rate(observed) }), part("KRAKEN", "102", { rate: rate(observed) })];
    addConsensus(trail, consensus("101", parts, { observedAt: new Date(observed).toISOString(), ageMs: 500 }), observed + 5_000);
  }
  expect(trail.lines.get("OKX")?.map(({ endsLine }) => endsLine)).toEqual([undefined, undefined, undefined]);
});
