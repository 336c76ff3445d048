// Changes in percent from the left edge of the view, as the drawing library computes them. Pure.
import type { ChartCandle } from "./candle-window";
import type { IndexRange } from "./view-range";

/** The change from the first close in view to that of `candle`, for display; null without both. */
export function percentFrom(candles: readonly ChartCandle[], { from }: IndexRange, candle: ChartCandle, close: (candle: ChartCandle) => string | null): string | null {
  const base = candles.slice(Math.max(0, Math.floor(from))).find((each) => close(each) !== null);
  const [first, last] = [base === undefined ? null : close(base), close(candle)];
  if (first === null || last === null || Number(first) === 0) return null;
  return String((Number(last) / Number(first) - 1) * 100);
}
