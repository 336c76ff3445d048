import { expect, test } from "vitest";
import { OverlayFeed, type OverlayRange } from "../src/chart/overlay-feed";
import { percentFrom } from "../src/chart/percent";
import { toFigurePoints, toOverlayPoints } from "../src/chart/series-data";
import { candle, page, START, UNKNOWN } from "./candles";

const MINUTE = 60_000;

/** A line that answers with the candles that are asked for, and the ranges that were. */
function feedOf(pageSize: number, answer = (range: OverlayRange) => page(minuteOf(range.from), minuteOf(range.to ?? "")).items) {
  const asked: [number, number][] = [];
  const load = (range: OverlayRange) => {
    asked.push([minuteOf(range.from), minuteOf(range.to ?? "")]);
    return Promise.resolve(answer(range));
  };
  const feed = new OverlayFeed({ interval: "M1", page: pageSize, shortestRefreshMs: 60_000, load, onChange: () => undefined });
  return { feed, asked };
}

function minuteOf(time: string): number {
  return (Date.parse(time) - START) / MINUTE;
}

test("the newest candles are loaded first, then earlier pages until all of the chart is covered", async () => {
  const { feed, asked } = feedOf(4);
  const main = page(0, 10).items;
  for (let turn = 0; turn < 5; turn++) await feed.cover(main, true);
  expect(asked).toEqual([[6, 10], [2, 6], [0, 2]]);
  expect(feed.candles.size).toBe(10);
});

test("a new candle of the chart is loaded with those before it, which have closed since", async () => {
  const { feed, asked } = feedOf(100);
  await feed.cover(page(0, 10).items, true);
  await feed.cover(page(0, 11).items, true);
  expect(asked).toEqual([[0, 10], [7, 11]]);
});

test("a chart that shows another time begins anew", async () => {
  const { feed, asked } = feedOf(4);
  await feed.cover(page(100, 104).items, false);
  await feed.cover(page(0, 4).items, false);
  expect(asked).toEqual([[100, 104], [0, 4]]);
});

test("what the line does not know has no point, and no line leads over it", () => {
  const main = page(0, 4).items;
  const others = new Map([candle(0), candle(1, UNKNOWN), candle(3)].map((each) => [each.openTime, each]));
  expect(toOverlayPoints(main, others).map(({ value }) => value)).toEqual([105, undefined, undefined, 105]);
  expect(toOverlayPoints(main, others)[0]?.endsLine).toBe(true);
  expect(toFigurePoints(main, (openTime) => (openTime === candle(2).openTime ? 1.5 : null)).map(({ value }) => value)).toEqual([undefined, undefined, 1.5, undefined]);
});

test("changes count from the first price in view", () => {
  const main = [candle(0, { close: "50" }), candle(1, UNKNOWN), candle(2, { close: "100" }), candle(3, { close: "110" })];
  const [, , , last] = main;
  if (last === undefined) throw new Error("no candle");
  const close = ({ close }: { close: string | null }) => close;
  expect(Number(percentFrom(main, { from: 0, to: 3 }, last, close))).toBeCloseTo(120);
  expect(Number(percentFrom(main, { from: 1, to: 3 }, last, close))).toBeCloseTo(10);
  expect(percentFrom(main, { from: 0, to: 3 }, candle(1, UNKNOWN), close)).toBeNull();
});
