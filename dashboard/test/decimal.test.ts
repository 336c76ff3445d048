import { expect, test } from "vitest";
import { compareDecimals } from "../src/rates/decimal";
import { formatAge, freshnessOf } from "../src/rates/freshness";

test.each([
  ["1.10", "1.1", 0],
  ["0", "-0.00", 0],
  ["10", "9.99", 1],
  ["-2", "-1", -1],
  ["-1", "1", -1],
  // These two are equal as floats.
  ["61855.192843976812001", "61855.192843976812", 1],
])("%s against %s", (one, other, order) => {
  expect(Math.sign(compareDecimals(one, other))).toBe(order);
  expect(Math.sign(compareDecimals(other, one))).toBe(order === 0 ? 0 : -order);
});

test("a rate is fresh up to and including its time to live, and expired past ten times it", () => {
  expect([10_000, 10_001, 100_000, 100_001].map((ageMs) => freshnessOf(ageMs, 10_000))).toEqual(["FRESH", "STALE", "STALE", "EXPIRED"]);
});

test("ages grow coarser", () => {
  expect([0, 59_999, 60_000, 3_600_000, 90_000_000].map(formatAge)).toEqual(["0 s", "59 s", "1 m 00 s", "1 h 00 m", "1 d 01 h"]);
});
