// One candle in words, for the legend, the table and screen readers. Pure.
import { formatPrice } from "../rates/figures";
import type { ChartCandle } from "./candle-window";
import { momentText } from "./time-labels";

/** How much of a candle is known; empty where nothing is missing. */
export function coverageWords({ state, coverage, origin }: ChartCandle): string {
  if (state === "FORMING") return "still forming";
  if (coverage === "UNKNOWN") return "not recorded";
  if (coverage === "PARTIAL") return "recorded in part";
  if (coverage === "NO_TRADES") return "nothing was traded";
  return origin === "EXCHANGE" ? "as the source reports it" : origin === "SAMPLES" ? "from samples" : "";
}

export function candleWords(candle: ChartCandle, isDaily: boolean): string {
  const { open, high, low, close } = candle;
  const time = momentText(Date.parse(candle.openTime), isDaily);
  const coverage = coverageWords(candle);
  if (open === null || high === null || low === null || close === null) return `${time}: ${coverage || "no price"}`;
  const prices = `open ${formatPrice(open)}, high ${formatPrice(high)}, low ${formatPrice(low)}, close ${formatPrice(close)}`;
  return `${time}: ${prices}${coverage === "" ? "" : `, ${coverage}`}`;
}

/** The change from open to close in percent, for display; null without prices. */
export function changePercent({ open, close }: ChartCandle): string | null {
  if (open === null || close === null || Number(open) === 0) return null;
  return String((Number(close) / Number(open) - 1) * 100);
}
