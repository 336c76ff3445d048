import { expect, test } from "vitest";
import { type Candidate, CONSENSUS, type LeadState, nextLead, RETURN_AFTER_MS } from "../src/rates/lead-rule";

const ageAt = (nowMs: number) => (observedAtMs: number) => nowMs - observedAtMs;

function candidate(from: string, observedAtMs: number, ttlMs = 10_000): Candidate {
  return { from, observedAtMs, ttlMs };
}

/** Runs the rule over times and the candidates of each, and returns who led. */
function run(...steps: [nowMs: number, candidates: Candidate[]][]): (string | undefined)[] {
  let state: LeadState | null = null;
  return steps.map(([nowMs, candidates]) => {
    state = nextLead(state, candidates, ageAt(nowMs), nowMs);
    return state?.from;
  });
}

test("the consensus leads, then exchanges, then aggregators, in their order", () => {
  expect(run([0, [candidate(CONSENSUS, 0), candidate("BINANCE", 0), candidate("COINGECKO", 0)]])).toEqual([CONSENSUS]);
  expect(run([0, [candidate("BINANCE", 0), candidate("COINGECKO", 0)]])).toEqual(["BINANCE"]);
  expect(run([0, []])).toEqual([undefined]);
});

test("a lead that is fresh stays, whichever source is newer", () => {
  expect(run([0, [candidate("OKX", 0), candidate("BYBIT", 0)]], [9_000, [candidate("OKX", 0), candidate("BYBIT", 9_000)]])).toEqual(["OKX", "OKX"]);
});

test("a row does not flip with a source of another time to live: it returns after 15 s only", () => {
  const gecko = candidate("COINGECKO", 0, 180_000);
  const led = run(
    [0, [candidate("OKX", 0), gecko]],
    [11_000, [candidate("OKX", 0), gecko]],
    [12_000, [candidate("OKX", 12_000), gecko]],
    [23_000, [candidate("OKX", 12_000), gecko]],
    [24_000, [candidate("OKX", 24_000), gecko]],
    [30_000, [candidate("OKX", 30_000), gecko]],
    [24_000 + RETURN_AFTER_MS, [candidate("OKX", 39_000), gecko]],
  );
  expect(led).toEqual(["OKX", "COINGECKO", "COINGECKO", "COINGECKO", "COINGECKO", "COINGECKO", "OKX"]);
});

test("where nothing is fresh nothing changes, and the row shows how old it is", () => {
  expect(run([0, [candidate("OKX", 0), candidate("BYBIT", 0)]], [60_000, [candidate("OKX", 0), candidate("BYBIT", 40_000)]])).toEqual(["OKX", "OKX"]);
  // Of what was never fresh here, the newest.
  expect(run([60_000, [candidate("OKX", 0), candidate("BYBIT", 40_000)]])).toEqual(["BYBIT"]);
});

test("a change says what led before", () => {
  const first = nextLead(null, [candidate("OKX", 0)], ageAt(0), 0);
  const second = nextLead(first, [candidate("OKX", 0), candidate("KRAKEN", 20_000)], ageAt(20_000), 20_000);
  expect(second).toMatchObject({ from: "KRAKEN", before: "OKX", sinceMs: 20_000 });
});

test("a source that is tracked no more is left at once", () => {
  expect(run([0, [candidate("OKX", 0)]], [1_000, [candidate("KRAKEN", 0)]])).toEqual(["OKX", "KRAKEN"]);
});
