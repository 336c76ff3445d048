import { expect, test } from "vitest";
import { candleWords } from "../src/chart/candle-words";
import { summarise } from "../src/chart/summary";
import { candle, UNKNOWN } from "./candles";

const OF = { source: "BINANCE", interval: "M1" } as const;

test("what is in view is said with its extremes and its gaps", () => {
  const text = summarise("BTC/USDT", OF, [candle(0), candle(1, { high: "1110" }), candle(2, UNKNOWN), candle(3, { coverage: "PARTIAL", close: "101" })]);
  expect(text).toContain("BTC/USDT at Binance: 4 candles of a minute each, from ");
  expect(text).toContain("Opens at 100.0, highest 1,110, lowest 90, last 101.");
  expect(text).toContain("1 not recorded. 1 recorded in part.");
});

test("nothing in view is said too", () => {
  expect(summarise("BTC/USDT", OF, [])).toBe("No candles of BTC/USDT are in view.");
});

test("a candle says what is missing of it", () => {
  expect(candleWords(candle(0, UNKNOWN), false)).toMatch(/: not recorded$/);
  expect(candleWords(candle(0), false)).toMatch(/: open 100.0, high 110, low 90, close 105.00$/);
});
