// What the address says of the chart: time frame, kind, source, further lines, full screen, and the time that is in view.

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
  /** Whether the consensus of all sources is drawn too. */
  consensus: boolean;
  /** Whether the distance between the closes of the sources is drawn below. */
  spread: boolean;
  /** A second symbol; both are drawn as changes in percent then. */
  compare: string | null;
  /** Whether the chart fills the window. */
  isFull: boolean;
  /** The time in view in milliseconds, where the viewer has moved the chart; `to` is null if that is now. */
  from: number | null;
  to: number | null;
}

export const FIRST_CHART: ChartAddress = { range: null, kind: "candles", source: null, consensus: false, spread: false, compare: null, isFull: false, from: null, to: null };

/** Unknown or invalid parts get their defaults. */
export function parseChart(given: URLSearchParams): ChartAddress {
  const [from, to] = [parseTime(given.get("from")), parseTime(given.get("to"))];
  const isSpan = from !== null && (to === null || from < to);
  return {
    range: CHART_RANGES.find((each) => each === given.get("range")) ?? null,
    kind: CHART_KINDS.find((each) => each === given.get("chart")) ?? FIRST_CHART.kind,
    source: parseSource(given.get("source")),
    consensus: given.get("consensus") === "1",
    spread: given.get("spread") === "1",
    compare: parseSymbol(given.get("compare")),
    isFull: given.get("full") === "1",
    from: isSpan ? from : null,
    to: isSpan ? to : null,
  };
}

/** Adds the parts that differ from a first visit. */
export function formatChart(query: URLSearchParams, { range, kind, source, consensus, spread, compare, isFull, from, to }: ChartAddress): void {
  if (range !== null) query.set("range", range);
  if (kind !== FIRST_CHART.kind) query.set("chart", kind);
  if (source !== null) query.set("source", source);
  if (consensus) query.set("consensus", "1");
  if (spread) query.set("spread", "1");
  if (compare !== null) query.set("compare", compare);
  if (isFull) query.set("full", "1");
  if (from !== null) query.set("from", formatTime(from));
  if (to !== null) query.set("to", formatTime(to));
}

/** The code of a source is a name of GraphQL; another text would be refused with all of the query. */
function parseSource(text: string | null): string | null {
  const code = text?.toUpperCase() ?? "";
  return /^[A-Z][A-Z0-9_]*$/.test(code) ? code : null;
}

/** A symbol as people write it: "btc/usdt", "BTC-USDT"; null if it is none. */
export function parseSymbol(text: string | null): string | null {
  const given = (text ?? "").trim().toUpperCase();
  const symbol = given.includes("/") ? given : given.replace(/[-_ ]/, "/");
  return /^[\p{L}\p{N}][\p{L}\p{N}.-]{0,19}\/[\p{L}\p{N}][\p{L}\p{N}.-]{0,19}$/u.test(symbol) ? symbol : null;
}

function parseTime(text: string | null): number | null {
  const time = text === null || !/^\d{4}-\d\d-\d\dT/.test(text) ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

/** To the minute, which is the shortest interval: "2026-11-29T14:05Z". */
function formatTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16)}Z`;
}
