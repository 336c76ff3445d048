// Figures of the last day of a source, from its recorded states and points.
import type { SourceDayQuery } from "../graphql/generated";

export type SourceDay = NonNullable<SourceDayQuery["sourceHistory"]>;
export type RecordedState = SourceDay["periods"][number]["state"];

export interface Segment {
  state: RecordedState;
  /** Shares of the whole time, 0 to 1. */
  start: number;
  length: number;
  reason: string | null;
}

/** States along the time. What is after the last period has not been recorded yet, and is left out. */
export function segmentsOf({ from, to, periods }: SourceDay): Segment[] {
  const [start, end] = [Date.parse(from), Date.parse(to)];
  return periods.map((period) => {
    const [begins, ends] = [Math.max(start, Date.parse(period.from)), Math.min(end, Date.parse(period.to))];
    return { state: period.state, start: (begins - start) / (end - start), length: Math.max(0, ends - begins) / (end - start), reason: period.reason };
  });
}

/** How much of the day was recorded, in milliseconds. */
export function recordedMs(day: SourceDay): number {
  const recorded = segmentsOf(day).filter(({ state }) => state !== "UNKNOWN");
  return Math.round(sum(recorded.map(({ length }) => length)) * (Date.parse(day.to) - Date.parse(day.from)));
}

/** Share of the recorded time in which the source worked, in per cent; null if nothing was recorded. A degraded source works. */
export function workingPercent(day: SourceDay): number | null {
  const segments = segmentsOf(day).filter(({ state }) => state !== "UNKNOWN");
  const recorded = sum(segments.map(({ length }) => length));
  if (recorded === 0) return null;
  return (100 * sum(segments.filter(({ state }) => state === "UP" || state === "DEGRADED").map(({ length }) => length))) / recorded;
}

export interface Lag {
  p50Ms: number | null;
  p99Ms: number | null;
}

/**
 * The lag of the day, from that of its points: the median of their medians, and what 99 of 100 of their 99th percentiles do not
 * exceed, both weighed by the number of rates. An estimate: the percentile of a day is not computable from those of its parts.
 */
export function lagOf({ points }: SourceDay): Lag {
  const pick = (read: (point: SourceDay["points"][number]) => number | null, share: number) =>
    weightedQuantile(
      points.map((point) => ({ value: read(point), weight: point.receivedCount ?? 0 })),
      share,
    );
  return { p50Ms: pick(({ lagP50Ms }) => lagP50Ms, 0.5), p99Ms: pick(({ lagP99Ms }) => lagP99Ms, 0.99) };
}

export function refusedOf({ points }: SourceDay): number {
  return sum(points.map(({ refusedCount }) => refusedCount ?? 0));
}

function weightedQuantile(values: readonly { value: number | null; weight: number }[], share: number): number | null {
  const sorted = values.filter((each): each is { value: number; weight: number } => each.value !== null && each.weight > 0).sort((one, other) => one.value - other.value);
  const whole = sum(sorted.map(({ weight }) => weight));
  let passed = 0;
  for (const { value, weight } of sorted) {
    passed += weight;
    if (passed >= whole * share) return value;
  }
  return null;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
