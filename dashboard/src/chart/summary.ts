// What the candles in view show, in a sentence for those who do not see the chart. Pure.
import { compareDecimals } from "../rates/decimal";
import { formatPrice, sourceName } from "../rates/figures";
import type { ChartCandle } from "./candle-window";
import { isPartial } from "./series-data";
import { intervalWords, isDaily } from "./time-frames";
import { momentText } from "./time-labels";
import type { CandleInterval } from "../graphql/generated";

export function summarise(symbol: string, { source, interval }: { source: string | null; interval: CandleInterval }, shown: readonly ChartCandle[]): string {
  const [first, last] = [shown[0], shown.at(-1)];
  if (first === undefined || last === undefined) return `No candles of ${symbol} are in view.`;
  const text = (time: string) => momentText(Date.parse(time), isDaily(interval));
  const parts = [`${symbol}${source === null ? "" : ` at ${sourceName(source)}`}: ${shown.length} candles of ${intervalWords(interval)}, from ${text(first.openTime)} to ${text(last.openTime)}.`];
  const priced = shown.filter(({ close }) => close !== null);
  const [opening, closing] = [priced[0]?.open, priced.at(-1)?.close];
  if (opening != null && closing != null) {
    const high = extreme(priced, ({ high: price }) => price, 1);
    const low = extreme(priced, ({ low: price }) => price, -1);
    parts.push(`Opens at ${formatPrice(opening)}, highest ${formatPrice(high)}, lowest ${formatPrice(low)}, last ${formatPrice(closing)}.`);
  }
  const unknown = shown.filter(({ coverage, state }) => coverage === "UNKNOWN" && state !== "FORMING").length;
  const partial = shown.filter(isPartial).length;
  if (unknown > 0) parts.push(`${unknown} not recorded.`);
  if (partial > 0) parts.push(`${partial} recorded in part.`);
  return parts.join(" ");
}

function extreme(candles: readonly ChartCandle[], price: (candle: ChartCandle) => string | null, sign: 1 | -1): string {
  return candles.flatMap((candle) => price(candle) ?? []).reduce((best, each) => (sign * compareDecimals(each, best) > 0 ? each : best));
}
