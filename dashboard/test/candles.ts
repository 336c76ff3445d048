// Candles of a minute for the tests.
import type { CandlePage, ChartCandle } from "../src/chart/candle-window";

export const START = Date.parse("2026-11-29T12:00:00Z");
const MINUTE = 60_000;

/** The candle that begins so many minutes after the start. */
export function candle(minute: number, change: Partial<ChartCandle> = {}): ChartCandle {
  const at = (time: number) => new Date(time).toISOString();
  return {
    openTime: at(START + minute * MINUTE),
    closeTime: at(START + (minute + 1) * MINUTE),
    open: "100.0",
    high: "110",
    low: "90",
    close: "105.00",
    volume: "1.5",
    tradeCount: 3,
    state: "CLOSED",
    coverage: "COMPLETE",
    origin: "TRADES",
    asOf: at(START + (minute + 1) * MINUTE + 200),
    ...change,
  };
}

export const NO_PRICES = { open: null, high: null, low: null, close: null } as const;
export const UNKNOWN: Partial<ChartCandle> = { ...NO_PRICES, volume: null, tradeCount: null, coverage: "UNKNOWN" };

/** A page of the candles `from` to just before `to`. */
export function page(from: number, to: number, change: Partial<CandlePage> = {}): CandlePage {
  const items = Array.from({ length: to - from }, (_, index) => candle(from + index));
  return { items, cursor: `at ${from}`, hasMore: true, earliest: null, ...change };
}

export function minutes(candles: readonly ChartCandle[]): number[] {
  return candles.map(({ openTime }) => (Date.parse(openTime) - START) / MINUTE);
}
