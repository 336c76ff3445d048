import { expect, test } from "vitest";
import { CandleWindow, MOST_CANDLES } from "../src/chart/candle-window";
import { candle, minutes, page, START } from "./candles";

function loaded(from: number, to: number, most = MOST_CANDLES): CandleWindow {
  const window = new CandleWindow(most);
  window.open(page(from, to), false);
  return window;
}

test("an earlier page is put before, and its cursor leads on", () => {
  const window = loaded(300, 302);
  window.addEarlier(page(298, 300, { hasMore: false }));
  expect(minutes(window.items)).toEqual([298, 299, 300, 301]);
  expect([window.cursor, window.hasEarlier, window.hasLater]).toEqual(["at 298", false, false]);
});

test("memory is bounded: the newest are dropped while the viewer goes back, and are known to exist", () => {
  const window = loaded(100_000, 100_300);
  for (let number = 1; number <= 40; number++) window.addEarlier(page(100_000 - number * 300, 100_300 - number * 300));
  expect(window.items.length).toBeLessThanOrEqual(MOST_CANDLES);
  expect(minutes(window.items)[0]).toBe(88_000);
  expect(window.hasLater).toBe(true);
});

test("the earliest are dropped while the viewer comes back, and the cursor is that of the first that is left", () => {
  const window = loaded(0, 300);
  for (let number = 1; number <= 40; number++) window.addLater(page(number * 300, (number + 1) * 300), number < 40);
  expect(window.items.length).toBeLessThanOrEqual(MOST_CANDLES);
  expect(window.hasEarlier).toBe(true);
  expect(window.hasLater).toBe(false);
  expect(window.cursor).toBe(`at ${minutes(window.items)[0]}`);
});

test("the newest candles are replaced by what is known of them now", () => {
  const window = loaded(0, 5);
  expect(window.replaceNewest({ ...page(3, 7), items: [candle(3, { close: "1" }), candle(4), candle(5), candle(6)] })).toBe(true);
  expect(minutes(window.items)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(window.items[3]?.close).toBe("1");
});

test("candles after a hole are refused: the chart would draw them as neighbours", () => {
  const window = loaded(0, 5);
  expect(window.replaceNewest(page(6, 8))).toBe(false);
  expect(minutes(window.items)).toEqual([0, 1, 2, 3, 4]);
});

test("days of following now do not grow", () => {
  const window = loaded(0, 60, 100);
  for (let minute = 60; minute < 300; minute++) expect(window.replaceNewest(page(minute - 2, minute + 1))).toBe(true);
  expect(window.items.length).toBeLessThanOrEqual(100);
  expect(minutes(window.items)).toEqual(Array.from({ length: window.items.length }, (_, index) => 300 - window.items.length + index));
  expect(window.cursor).toBe(`at ${minutes(window.items)[0]}`);
});

test("a time is found in its candle, and outside in the nearest one", () => {
  const window = loaded(0, 5);
  expect([-1, 0, 2.5, 4.99, 99].map((minute) => window.indexAt(START + minute * 60_000))).toEqual([0, 0, 2, 4, 4]);
  expect(new CandleWindow().indexAt(START)).toBe(-1);
});

test("a subscription puts candles in their places and behind the last one", () => {
  const window = new CandleWindow();
  window.open(page(0, 3), false);
  const [changed, forming] = [candle(2, { close: "107", asOf: candle(3).asOf }), candle(3, { state: "FORMING" })];
  expect(window.merge([changed, forming])).toBe(true);
  expect(minutes(window.items)).toEqual([0, 1, 2, 3]);
  expect(window.items[2]?.close).toBe("107");
});

test("a candle beyond a hole is not appended, and nothing is changed", () => {
  const window = new CandleWindow();
  window.open(page(0, 3), false);
  expect(window.merge([candle(2, { close: "107", asOf: candle(9).asOf }), candle(4)])).toBe(false);
  expect(minutes(window.items)).toEqual([0, 1, 2]);
  expect(window.items[2]?.close).toBe("105.00");
});

test("a query that was overtaken by the subscription takes nothing back", () => {
  const window = new CandleWindow();
  window.open(page(0, 3), false);
  const newest = candle(2, { close: "107", asOf: candle(3).asOf });
  window.merge([newest, candle(3)]);
  expect(window.replaceNewest(page(1, 3))).toBe(true);
  expect(minutes(window.items)).toEqual([0, 1, 2, 3]);
  expect(window.items[2]).toEqual(newest);
});

test("pages of others are not changed by a subscription", () => {
  const first = page(0, 3);
  const window = new CandleWindow();
  window.open(first, false);
  window.merge([candle(3)]);
  expect(minutes(first.items)).toEqual([0, 1, 2]);
});
