import { expect, test } from "vitest";
import { decimalsOf, findBands, toCandlePoint, toLinePoints } from "../src/chart/series-data";
import { candle, NO_PRICES, START, UNKNOWN } from "./candles";

const NOTHING_TRADED = { ...NO_PRICES, volume: "0", tradeCount: 0, coverage: "NO_TRADES" } as const;

test("a candle of which nothing is known keeps its place and has no price", () => {
  expect(toCandlePoint(candle(2, UNKNOWN))).toEqual({ time: START / 1000 + 120 });
});

test("no line leads over a time of which nothing is known", () => {
  const points = toLinePoints([candle(0), candle(1), candle(2, UNKNOWN), candle(3)]);
  expect(points.map(({ value }) => value)).toEqual([105, 105, undefined, 105]);
  expect(points.map(({ endsLine }) => endsLine ?? false)).toEqual([false, true, false, false]);
});

test("a price with unknown times on both sides stands alone", () => {
  const points = toLinePoints([candle(0, UNKNOWN), candle(1), candle(2, UNKNOWN)]);
  expect(points[1]).toMatchObject({ value: 105, endsLine: true, isAlone: true });
});

test("where nothing was traded the last price is still the price, but not after a gap", () => {
  const points = toLinePoints([candle(0), candle(1, NOTHING_TRADED), candle(2, UNKNOWN), candle(3, NOTHING_TRADED)]);
  expect(points.map(({ value }) => value)).toEqual([105, 105, undefined, undefined]);
});

test("gaps are bands of neighbours, parts are others, and a forming candle is none", () => {
  const partial = { coverage: "PARTIAL" } as const;
  const candles = [candle(0, UNKNOWN), candle(1, UNKNOWN), candle(2, partial), candle(3), candle(4, NOTHING_TRADED), candle(5, UNKNOWN), candle(6, { ...UNKNOWN, state: "FORMING" })];
  expect(findBands(candles)).toEqual([{ from: 0, to: 1, kind: "unknown" }, { from: 2, to: 2, kind: "partial" }, { from: 5, to: 5, kind: "unknown" }]);
});

test("the scale has the decimals that the prices need", () => {
  expect(decimalsOf(["62386.40", "62386", "62386.125"])).toBe(3);
  expect(decimalsOf([])).toBe(0);
});
