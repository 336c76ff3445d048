// Time frames of the chart, and the interval whose candles fit into its width. Pure.
import { TIME_FRAMES, type TimeFrame } from "../browser/chart-address";
import type { CandleInterval } from "../graphql/generated";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The longest first. The length of a month is its mean, for counting only. */
const INTERVALS: readonly { name: CandleInterval; length: number; words: string }[] = [
  { name: "MN1", length: 30.4 * DAY, words: "a month each (UTC)" },
  { name: "W1", length: 7 * DAY, words: "a week each (UTC)" },
  { name: "D1", length: DAY, words: "a day each (UTC)" },
  { name: "H12", length: 12 * HOUR, words: "12 hours each" },
  { name: "H4", length: 4 * HOUR, words: "4 hours each" },
  { name: "H1", length: HOUR, words: "an hour each" },
  { name: "M30", length: 30 * MINUTE, words: "30 minutes each" },
  { name: "M15", length: 15 * MINUTE, words: "15 minutes each" },
  { name: "M5", length: 5 * MINUTE, words: "5 minutes each" },
  { name: "M1", length: MINUTE, words: "a minute each" },
];

const FRAMES: Record<TimeFrame, { length: number; words: string }> = {
  "1h": { length: HOUR, words: "1 hour" },
  "4h": { length: 4 * HOUR, words: "4 hours" },
  "1d": { length: DAY, words: "1 day" },
  "1w": { length: 7 * DAY, words: "1 week" },
  "1M": { length: 30 * DAY, words: "1 month" },
  "1y": { length: 365 * DAY, words: "1 year" },
};

/** A candle is legible from this width on, its distance to the next one included. */
const CANDLE_PX = 3;
/** Below that a day has too few candles to show anything. */
const LEAST_CANDLES = 40;

/** The time that a frame shows, in milliseconds. */
export function frameLength(frame: TimeFrame): number {
  return FRAMES[frame].length;
}

export function frameWords(frame: TimeFrame): string {
  return FRAMES[frame].words;
}

/** The shortest interval whose candles fit into `widthPx`, so that there are never more candles than pixels. */
export function intervalFor(frame: TimeFrame, widthPx: number): CandleInterval {
  const most = Math.max(LEAST_CANDLES, widthPx / CANDLE_PX);
  const fitting = INTERVALS.filter(({ length }) => frameLength(frame) / length <= most);
  return fitting.at(-1)?.name ?? "MN1";
}

/** The length of an interval in milliseconds; that of a month is the mean. */
export function intervalLength(interval: CandleInterval): number {
  return INTERVALS.find(({ name }) => name === interval)?.length ?? MINUTE;
}

export function intervalWords(interval: CandleInterval): string {
  return INTERVALS.find(({ name }) => name === interval)?.words ?? interval;
}

/** Candles of a day or longer begin at midnight UTC. */
export function isDaily(interval: CandleInterval): boolean {
  return intervalLength(interval) >= DAY;
}

/** The number of candles in a frame. */
export function candlesIn(frame: TimeFrame, interval: CandleInterval): number {
  return Math.ceil(frameLength(frame) / intervalLength(interval));
}

/** The frame for a history that begins at `earliestMs`: the first view is not almost empty. */
export function firstFrame(earliestMs: number | null, nowMs: number): TimeFrame {
  const age = earliestMs === null ? 0 : nowMs - earliestMs;
  return TIME_FRAMES.find((frame) => frame === "1d" || age < 2 * frameLength(frame)) ?? "1d";
}
