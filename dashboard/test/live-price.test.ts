import { expect, test } from "vitest";
import { LivePrices } from "../src/chart/live-price";
import { candle, NO_PRICES, START } from "./candles";

const FORMING = candle(0, { state: "FORMING", coverage: "PARTIAL", asOf: new Date(START + 10_000).toISOString() });

function after(seconds: number, price: string, ...more: [number, string][]) {
  const prices = new LivePrices();
  for (const [second, each] of [[seconds, price], ...more] as [number, string][]) prices.add({ source: "OKX", price: each, tradedAtMs: START + second * 1000 });
  return prices;
}

test("a forming candle takes the price of a later trade of its own time, digit for digit", () => {
  expect(after(20, "110.50").applyTo(FORMING)).toEqual({ ...FORMING, close: "110.50", high: "110.50" });
  expect(after(20, "89.9", [30, "95"]).applyTo(FORMING)).toEqual({ ...FORMING, close: "95", low: "89.9" });
});

test("volume and number of trades stay: a rate tells of one trade only", () => {
  const { volume, tradeCount } = after(20, "95").applyTo(FORMING);
  expect([volume, tradeCount]).toEqual([FORMING.volume, FORMING.tradeCount]);
});

test("a trade that the history already has changes nothing", () => {
  expect(after(10, "999").applyTo(FORMING)).toBe(FORMING);
});

test("a trade of another time is not taken", () => {
  expect(after(60, "999").applyTo(FORMING)).toBe(FORMING);
  expect(after(-1, "999").applyTo(FORMING)).toBe(FORMING);
});

test("a closed candle and one without an opening stay as the history has them", () => {
  const closed = candle(0, { asOf: FORMING.asOf });
  expect(after(20, "999").applyTo(closed)).toBe(closed);
  const empty = { ...FORMING, ...NO_PRICES };
  expect(after(20, "999").applyTo(empty)).toBe(empty);
});

test("a price that arrives out of order is left out", () => {
  expect(after(30, "95", [20, "999"]).applyTo(FORMING).high).toBe(FORMING.high);
});
