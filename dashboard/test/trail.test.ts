import { expect, test } from "vitest";
import { REACH_S, Trail } from "../src/chart/trail";

const FOR_EVER = Number.POSITIVE_INFINITY;

test("a second holds one point, its last, with the exact price", () => {
  const trail = new Trail();
  for (const [ms, price] of [[1_000, "1"], [1_900, "2.10"], [2_000, "3"]] as const) trail.add("OKX", ms, price, FOR_EVER);
  expect(trail.lines.get("OKX")).toEqual([{ time: 1, value: 2.1, price: "2.10" }, { time: 2, value: 3, price: "3" }]);
});

test("a line reaches a quarter of an hour back, and its last point stays however old", () => {
  const trail = new Trail();
  trail.add("COINGECKO", 0, "1", FOR_EVER);
  for (let second = 0; second <= 2 * REACH_S; second++) trail.add("OKX", second * 1_000, String(second), FOR_EVER);
  expect(trail.lines.get("OKX")).toHaveLength(REACH_S + 1);
  expect(trail.lines.get("COINGECKO")).toHaveLength(1);
});

test("what is told late is not drawn into the past", () => {
  const trail = new Trail();
  trail.add("OKX", 5_000, "5", FOR_EVER);
  trail.add("OKX", 4_000, "4", FOR_EVER);
  expect(trail.lines.get("OKX")).toEqual([{ time: 5, value: 5, price: "5" }]);
});

test("a quiet source's line goes on while its price is valid, with one more point at most", () => {
  const trail = new Trail();
  trail.add("COINGECKO", 1_000, "7", 4_500);
  for (const second of [2, 3, 4, 5, 6]) trail.hold(second * 1_000);
  expect(trail.lines.get("COINGECKO")?.map(({ time }) => time)).toEqual([1, 4]);
});

test("a price that arrives while its line is held changes the line now", () => {
  const trail = new Trail();
  trail.add("OKX", 1_000, "1", FOR_EVER);
  trail.hold(3_000);
  trail.add("OKX", 2_900, "2", FOR_EVER);
  expect(trail.lines.get("OKX")?.map(({ time, price }) => [time, price])).toEqual([[1, "1"], [3, "2"]]);
});

test("no line leads over a time in which the price was stale", () => {
  const trail = new Trail();
  trail.add("OKX", 1_000, "1", 2_000);
  trail.hold(2_000);
  trail.add("OKX", 60_000, "2", 70_000);
  expect(trail.lines.get("OKX")?.map(({ endsLine }) => endsLine)).toEqual([undefined, true, undefined]);
  expect(trail.at("OKX", 2)?.price).toBe("1");
  expect(trail.at("OKX", 30)).toBeUndefined();
  expect(trail.at("OKX", 61)?.price).toBe("2");
});

test("a line that was ended is not held", () => {
  const trail = new Trail();
  trail.add("CONSENSUS", 1_000, "1", FOR_EVER);
  trail.end("CONSENSUS", 2_000);
  trail.hold(9_000);
  expect(trail.lines.get("CONSENSUS")).toHaveLength(1);
});

test("the figure of now is that of each newest point, also when the second of the page is behind", () => {
  const trail = new Trail();
  expect(trail.newest("OKX", 5)).toBeUndefined();
  trail.add("OKX", 5_000, "5", FOR_EVER);
  trail.add("KRAKEN", 3_000, "4", FOR_EVER);
  trail.add("OKX", 6_100, "6", FOR_EVER);
  expect(trail.at("OKX", 5)?.price).toBe("5");
  expect(["OKX", "KRAKEN"].map((line) => trail.newest(line, 5)?.price)).toEqual(["6", "4"]);
});

test("each new or changed point is told at once", () => {
  const trail = new Trail();
  const told: [string, number][] = [];
  const { onPoint } = trail;
  const end = onPoint((line) => told.push([line, trail.version]));
  trail.add("OKX", 5_000, "5", FOR_EVER);
  trail.add("OKX", 5_400, "6", FOR_EVER);
  end();
  trail.add("OKX", 5_600, "7", FOR_EVER);
  expect(told).toEqual([["OKX", 1], ["OKX", 2]]);
});
