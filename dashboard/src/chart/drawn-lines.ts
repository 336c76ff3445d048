// The further lines of a chart in the form in which they are drawn.
import type { ChartCandle } from "./candle-window";
import type { ChartOverlays, Overlay } from "./chart-overlays";
import type { DrawnLine } from "./overlay-lines";
import { toFigurePoints, toOverlayPoints } from "./series-data";

/** Colours of the style sheet, the same in chart and legend. */
export const OVERLAY_COLOUR: Record<Overlay["key"], string> = { consensus: "var(--ink)", compare: "var(--line-2)" };
export const SPREAD_COLOUR = "var(--ink-soft)";

export function drawnLines(candles: readonly ChartCandle[], { lines, hasSpread, spreadAt }: Pick<ChartOverlays, "lines" | "hasSpread" | "spreadAt">): DrawnLine[] {
  const drawn: DrawnLine[] = lines.map(({ key, candles: others }) => ({
    key,
    colour: OVERLAY_COLOUR[key],
    isDotted: key === "consensus",
    unit: "price",
    points: toOverlayPoints(candles, others),
  }));
  if (hasSpread) drawn.push({ key: "spread", colour: SPREAD_COLOUR, isDotted: false, unit: "bps", points: toFigurePoints(candles, (openTime) => spreadAt(openTime)?.bps ?? null) });
  return drawn;
}
