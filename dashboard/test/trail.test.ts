import { expect, test } from "vitest";
import { REACH_S, Trail } from "../src/instrument/trail";

test("a second holds one point, its last", () => {
  const trail = new Trail();
  for (const [ms, price] of [[1_000, "1"], [1_900, "2"], [2_000, "3"]] as const) trail.add("OKX", ms, price);
  expect(trail.lines.get("OKX")).toEqual([{ time: 1, value: 2 }, { time: 2, value: 3 }]);
});

test("a line reaches a quarter of an hour back, and its last point stays however old", () => {
  const trail = new Trail();
  trail.add("COINGECKO", 0, "1");
  for (let second = 0; second <= 2 * REACH_S; second++) trail.add("OKX", second * 1_000, String(second));
  expect(trail.lines.get("OKX")).toHaveLength(REACH_S + 1);
  expect(trail.lines.get("COINGECKO")).toHaveLength(1);
});

test("what is told late is not drawn into the past", () => {
  const trail = new Trail();
  trail.add("OKX", 5_000, "5");
  trail.add("OKX", 4_000, "4");
  expect(trail.lines.get("OKX")).toEqual([{ time: 5, value: 5 }]);
});
