// Ranges of candles in view, by index: how zooming, moving and stepping change them, and the times that they show. Pure.
import type { ChartCandle } from "./candle-window";

/** Both may lie beyond the loaded candles, and between two. */
export interface IndexRange {
  from: number;
  to: number;
}

const ZOOM_STEP = 1.5;
export const FEWEST_IN_VIEW = 5;
/** Room between the newest candle and the scale. */
const MARGIN_CANDLES = 3;
/** The drawing library does not set a range exactly. */
const TOLERANCE = 0.01;

/** The newest candle stays in its place while it is in view, otherwise the middle does. */
export function zoomed({ from, to }: IndexRange, steps: number, count: number): IndexRange {
  const length = Math.max(FEWEST_IN_VIEW, (to - from) / ZOOM_STEP ** steps);
  const end = to >= count - 1 ? to : (from + to + length) / 2;
  return { from: end - length, to: end };
}

/** Moved by a part of its width. */
export function panned({ from, to }: IndexRange, part: number): IndexRange {
  const by = (to - from) * part;
  return { from: from + by, to: to + by };
}

/** Moved as little as shows the candle `index`. */
export function revealing({ from, to }: IndexRange, index: number): IndexRange {
  const width = to - from;
  const start = Math.min(Math.max(from, index + 1 - width), index - 1);
  return { from: start, to: start + width };
}

/** The indexes of the first and the last of `count` candles that are wholly in view. */
export function indexesInView(count: number, { from, to }: IndexRange): [number, number] {
  const within = (index: number) => Math.max(0, Math.min(count - 1, index));
  return [within(Math.ceil(from - TOLERANCE)), within(Math.floor(to + TOLERANCE))];
}

/** The part of `items` that is in view. */
export function inView<Item>(items: readonly Item[], range: IndexRange): readonly Item[] {
  if (range.to < 0 || range.from > items.length - 1) return [];
  const [first, last] = indexesInView(items.length, range);
  return items.slice(first, last + 1);
}

/** The range from one candle to another, otherwise the newest `shown` of `count` candles. */
export function openingRange(count: number, shown: number, from: number | null, to: number | null): IndexRange {
  const end = count - 1;
  const last = to ?? end + MARGIN_CANDLES;
  return { from: Math.min(from ?? end - shown + 1, last - FEWEST_IN_VIEW), to: last };
}

/** The times in view as an address has them: without an end where the newest candle is in view. Null without candles. */
export function timesInView(candles: readonly ChartCandle[], view: IndexRange, isAtNow: boolean): { from: number; to: number | null } | null {
  if (candles.length === 0) return null;
  const [from, last] = indexesInView(candles.length, view).map((index) => Date.parse(candles[index]?.openTime ?? ""));
  const to = isAtNow && view.to >= candles.length - 1 ? null : (last ?? 0);
  return to === null || (from ?? 0) < to ? { from: from ?? 0, to } : null;
}
