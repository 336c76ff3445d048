// Points in the form of the drawing library, with the colours that differ from those of their series.
import type { UTCTimestamp } from "lightweight-charts";
import type { ChartKind } from "../browser/chart-address";
import type { ChartCandle } from "./candle-window";
import type { ChartColours } from "./chart-colours";
import { type CandlePoint, type LinePoint, timeOf } from "./series-data";

export function asBar({ time, open, high, low, close, isPartial }: CandlePoint, colours: ChartColours) {
  const at = { time: time as UTCTimestamp };
  if (open === undefined || high === undefined || low === undefined || close === undefined) return at;
  const bar = { ...at, open, high, low, close };
  // Hollow: a part of its trades is missing.
  return isPartial ? { ...bar, color: colours.sheet } : bar;
}

/** The library draws the way from a point to the next one in the colours of the first: without colour there is no line. */
export function asLine({ time, value, endsLine }: LinePoint, { none }: ChartColours, kind: ChartKind) {
  const at = { time: time as UTCTimestamp };
  if (value === undefined) return at;
  const colours = kind === "line" ? { color: none } : { lineColor: none, topColor: none, bottomColor: none };
  return endsLine ? { ...at, value, ...colours } : { ...at, value };
}

export function asVolume(candle: ChartCandle, { volume }: ChartColours) {
  const at = { time: timeOf(candle) as UTCTimestamp };
  return candle.volume === null ? at : { ...at, value: Number(candle.volume), color: volume };
}
