import { expect, test } from "vitest";
import { lagOf, recordedMs, refusedOf, type SourceDay, segmentsOf, workingPercent } from "../src/sources/history-figures";

const FROM_MS = Date.parse("2026-11-28T12:00:00Z");
const at = (hour: number) => new Date(FROM_MS + hour * 3_600_000).toISOString();

function day(periods: [SourceDay["periods"][number]["state"], number, number][], points: Partial<SourceDay["points"][number]>[] = []): SourceDay {
  return {
    from: at(0),
    to: at(24),
    periods: periods.map(([state, from, to]) => ({ state, from: at(from), to: at(to), reason: null })),
    points: points.map((point) => ({ lagP50Ms: null, lagP99Ms: null, receivedCount: null, refusedCount: null, ...point })),
  };
}

test("states fill the time that they had, and no more", () => {
  // The first began before the day; the newest seconds are not recorded yet.
  const segments = segmentsOf(day([["UP", -3, 6], ["DOWN", 6, 12], ["UNKNOWN", 12, 18], ["DEGRADED", 18, 23]]));
  expect(segments.map(({ state, start, length }) => [state, start, length])).toEqual([
    ["UP", 0, 0.25],
    ["DOWN", 0.25, 0.25],
    ["UNKNOWN", 0.5, 0.25],
    ["DEGRADED", 0.75, 5 / 24],
  ]);
});

test("what nobody recorded counts neither as working nor as not", () => {
  expect(workingPercent(day([["UP", 0, 6], ["UNKNOWN", 6, 12], ["DOWN", 12, 18]]))).toBe(50);
  expect(recordedMs(day([["UP", 0, 6], ["UNKNOWN", 6, 12], ["DOWN", 12, 18]]))).toBe(12 * 3_600_000);
  expect(workingPercent(day([["UNKNOWN", 0, 24]]))).toBeNull();
  expect(workingPercent(day([]))).toBeNull();
  expect(workingPercent(day([["DEGRADED", 0, 24]]))).toBe(100);
});

test("the lag of a day weighs its parts by their rates", () => {
  const points = [
    { lagP50Ms: 10, lagP99Ms: 100, receivedCount: 98 },
    { lagP50Ms: 500, lagP99Ms: 900, receivedCount: 2, refusedCount: 3 },
    { refusedCount: 4 },
  ];
  expect(lagOf(day([], points))).toEqual({ p50Ms: 10, p99Ms: 900 });
  expect(refusedOf(day([], points))).toBe(7);
  expect(lagOf(day([]))).toEqual({ p50Ms: null, p99Ms: null });
});
