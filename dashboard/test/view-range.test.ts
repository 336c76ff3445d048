import { expect, test } from "vitest";
import { indexesInView, inView, panned, revealing, zoomed } from "../src/chart/view-range";

test("zooming keeps the newest candle in its place, and elsewhere the middle", () => {
  expect(zoomed({ from: 70, to: 100 }, 1, 100)).toEqual({ from: 80, to: 100 });
  expect(zoomed({ from: 20, to: 50 }, 1, 100)).toEqual({ from: 25, to: 45 });
  expect(zoomed({ from: 20, to: 26 }, 9, 100)).toEqual({ from: 20.5, to: 25.5 });
});

test("moving keeps the width", () => {
  expect(panned({ from: 20, to: 60 }, -0.25)).toEqual({ from: 10, to: 50 });
});

test("a step beyond the edge moves the view as little as needed", () => {
  expect(revealing({ from: 20, to: 60 }, 40)).toEqual({ from: 20, to: 60 });
  expect(revealing({ from: 20, to: 60 }, 19)).toEqual({ from: 18, to: 58 });
  expect(revealing({ from: 20, to: 60 }, 61)).toEqual({ from: 22, to: 62 });
});

test("the view may lie beyond the candles, and is not set exactly", () => {
  expect(inView([0, 1, 2], { from: -5.5, to: 1.2 })).toEqual([0, 1]);
  expect(inView([0], { from: -9, to: -3 })).toEqual([]);
  expect(indexesInView(100, { from: 20.000001, to: 59.999999 })).toEqual([20, 60]);
});
