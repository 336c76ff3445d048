// Candles as the points of the drawing library, and the parts of the time axis of which something is missing. Pure.
import type { ChartCandle } from "./candle-window";

/** Seconds since 1970, and a price as a float, which is enough for drawing. Without a price the time has a place and no point. */
export interface LinePoint {
  time: number;
  value?: number;
  /** Nothing is known of the time after it: no line leads on from here. */
  endsLine?: boolean;
  /** Nothing is known of the time before it either. */
  isAlone?: boolean;
}

export interface CandlePoint {
  time: number;
  open?: number;
  high?: number;
  low?: number;
  close?: number;
  isPartial?: boolean;
}

/** Candles `from` to `to` (included), by index. */
export interface Band {
  from: number;
  to: number;
  kind: "unknown" | "partial";
}

export function timeOf(candle: Pick<ChartCandle, "openTime">): number {
  return Date.parse(candle.openTime) / 1000;
}

/** Whether a part of a candle's time is lost, not only still to come. */
export function isPartial({ coverage, state }: ChartCandle): boolean {
  return coverage === "PARTIAL" && state !== "FORMING";
}

export function toCandlePoint(candle: ChartCandle): CandlePoint {
  const { open, high, low, close } = candle;
  const time = timeOf(candle);
  if (open === null || high === null || low === null || close === null) return { time };
  return { time, open: Number(open), high: Number(high), low: Number(low), close: Number(close), isPartial: isPartial(candle) };
}

/** The closes. Where nothing was traded the last price is still the price; where nothing is known the line ends. */
export function toLinePoints(candles: readonly Pick<ChartCandle, "openTime" | "close" | "coverage">[]): LinePoint[] {
  const points: LinePoint[] = [];
  let value: number | null = null;
  for (const candle of candles) {
    if (candle.close !== null) value = Number(candle.close);
    else if (candle.coverage !== "NO_TRADES") value = null;
    points.push(pointAt(candle, value));
  }
  return endLines(points);
}

/** The closes of another series at the times of `candles`. What is not loaded is like what is not known. */
export function toOverlayPoints(candles: readonly ChartCandle[], others: ReadonlyMap<string, Pick<ChartCandle, "openTime" | "close" | "coverage">>): LinePoint[] {
  return toLinePoints(candles.map(({ openTime }) => others.get(openTime) ?? { openTime, close: null, coverage: "UNKNOWN" }));
}

/** A figure for each candle, without a line where there is none. */
export function toFigurePoints(candles: readonly ChartCandle[], figure: (openTime: string) => number | null): LinePoint[] {
  return endLines(candles.map((candle) => pointAt(candle, figure(candle.openTime))));
}

function pointAt(candle: Pick<ChartCandle, "openTime">, value: number | null): LinePoint {
  return value === null ? { time: timeOf(candle) } : { time: timeOf(candle), value };
}

function endLines(points: LinePoint[]): LinePoint[] {
  for (const [index, point] of points.entries()) {
    if (point.value === undefined || index === points.length - 1 || points[index + 1]?.value !== undefined) continue;
    point.endsLine = true;
    point.isAlone = points[index - 1]?.value === undefined;
  }
  return points;
}

/** A candle that is forming is no gap: its time is not over. */
export function findBands(candles: readonly ChartCandle[]): Band[] {
  const bands: Band[] = [];
  for (const [index, candle] of candles.entries()) {
    const kind = bandKind(candle);
    const last = bands.at(-1);
    if (kind === null) continue;
    if (last?.kind === kind && last.to === index - 1) last.to = index;
    else bands.push({ from: index, to: index, kind });
  }
  return bands;
}

function bandKind(candle: ChartCandle): Band["kind"] | null {
  if (candle.state === "FORMING") return null;
  if (candle.coverage === "UNKNOWN") return "unknown";
  return isPartial(candle) ? "partial" : null;
}

/** The number of decimals that tells adjacent prices apart. */
export function decimalsOf(prices: readonly string[]): number {
  return Math.max(0, ...prices.map((price) => price.replace(/0+$/, "").split(".")[1]?.length ?? 0));
}
