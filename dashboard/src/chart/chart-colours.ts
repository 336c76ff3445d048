// The colours of the chart from the style sheet, for a canvas.
import { colourResolver } from "./colours";
import type { BandColours } from "./gap-bands";

export interface ChartColours extends BandColours {
  sheet: string;
  grid: string;
  edge: string;
  label: string;
  up: string;
  down: string;
  /** Inside of a candle; with forced colours a rising one is hollow, because there is one colour only. */
  upBody: string;
  downBody: string;
  volume: string;
  areaTop: string;
  areaBottom: string;
  none: string;
}

export function readColours(place: HTMLElement): ChartColours {
  const colour = colourResolver(place);
  return {
    sheet: colour("var(--sheet)"),
    ground: colour("var(--gap-ground)"),
    hatch: colour("var(--gap-hatch)"),
    edge: colour("var(--line)"),
    grid: colour("var(--grid)"),
    text: colour("var(--ink-soft)"),
    label: colour("var(--label)"),
    partial: colour("var(--stale)"),
    up: colour("var(--up)"),
    down: colour("var(--down)"),
    upBody: colour("var(--up-body)"),
    downBody: colour("var(--down-body)"),
    volume: colour("var(--volume)"),
    line: colour("var(--line-1)"),
    areaTop: colour("var(--area-top)"),
    areaBottom: colour("var(--area-bottom)"),
    none: "rgba(0, 0, 0, 0)",
    font: `12px ${getComputedStyle(place).fontFamily}`,
  };
}
