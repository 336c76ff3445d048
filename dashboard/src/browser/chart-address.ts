// What the address says of the chart: time frame, kind, source, and the time that is in view.

export const TIME_FRAMES = ["1h", "4h", "1d", "1w", "1M", "1y"] as const;
export type TimeFrame = (typeof TIME_FRAMES)[number];
/** "live": the lines of all sources since the page was opened. */
export const CHART_RANGES = ["live", ...TIME_FRAMES] as const;
export type ChartRange = (typeof CHART_RANGES)[number];
export const CHART_KINDS = ["candles", "line", "area"] as const;
export type ChartKind = (typeof CHART_KINDS)[number];

export interface ChartAddress {
  /** Null: as the page chooses. */
  range: ChartRange | null;
  kind: ChartKind;
  /** Null: the source that the gateway chooses. */
  source: string | null;
  /** The time in view in milliseconds, where the viewer has moved the chart; `to` is null if that is now. */
  from: number | null;
  to: number | null;
}

export const FIRST_CHART: ChartAddress = { range: null, kind: "candles", source: null, from: null, to: null };

/** Unknown or invalid parts get their defaults. */
export function parseChart(given: URLSearchParams): ChartAddress {
  const [from, to] = [parseTime(given.get("from")), parseTime(given.get("to"))];
  const isSpan = from !== null && (to === null || from < to);
  return {
    range: CHART_RANGES.find((each) => each === given.get("range")) ?? null,
    kind: CHART_KINDS.find((each) => each === given.get("chart")) ?? FIRST_CHART.kind,
    source: parseSource(given.get("source")),
    from: isSpan ? from : null,
    to: isSpan ? to : null,
  };
}

/** Adds the parts that differ from a first visit. */
export function formatChart(query: URLSearchParams, { range, kind, source, from, to }: ChartAddress): void {
  if (range !== null) query.set("range", range);
  if (kind !== FIRST_CHART.kind) query.set("chart", kind);
  if (source !== null) query.set("source", source);
  if (from !== null) query.set("from", formatTime(from));
  if (to !== null) query.set("to", formatTime(to));
}

/** The code of a source is a name of GraphQL; another text would be refused with all of the query. */
function parseSource(text: string | null): string | null {
  const code = text?.toUpperCase() ?? "";
  return /^[A-Z][A-Z0-9_]*$/.test(code) ? code : null;
}

function parseTime(text: string | null): number | null {
  const time = text === null || !/^\d{4}-\d\d-\d\dT/.test(text) ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

/** To the minute, which is the shortest interval: "2026-11-29T14:05Z". */
function formatTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16)}Z`;
}
