// Draws the further lines of a chart: in the pane of the prices, or in one below.
import { type IChartApi, type ISeriesApi, LineSeries, LineStyle, type UTCTimestamp } from "lightweight-charts";
import { formatBps } from "../rates/spread";
import { colourResolver } from "./colours";
import type { LinePoint } from "./series-data";

/** The points are on the candles of the chart; others would add times to its axis. */
export interface DrawnLine {
  key: string;
  /** A colour of the style sheet. */
  colour: string;
  isDotted: boolean;
  unit: "price" | "bps";
  points: readonly LinePoint[];
}

const NO_COLOUR = "rgba(0, 0, 0, 0)";
/** Height of the pane below, as a part of that of the prices. */
const LOWER_HEIGHT = 0.3;

export class OverlayLines {
  readonly #place: HTMLElement;
  readonly #chart: IChartApi;
  readonly #series = new Map<string, ISeriesApi<"Line">>();
  readonly #priceText: (price: number) => string;

  constructor(place: HTMLElement, chart: IChartApi, priceText: (price: number) => string) {
    this.#place = place;
    this.#chart = chart;
    this.#priceText = priceText;
  }

  draw(lines: readonly DrawnLine[]): void {
    const wanted = new Set(lines.map(({ key }) => key));
    for (const [key, series] of this.#series) {
      if (wanted.has(key)) continue;
      // An empty pane goes with its last series.
      this.#chart.removeSeries(series);
      this.#series.delete(key);
    }
    const colour = colourResolver(this.#place);
    for (const line of lines) {
      const series = this.#series.get(line.key) ?? this.#add(line);
      series.applyOptions({ color: colour(line.colour) });
      series.setData(line.points.map(asData));
    }
  }

  #add({ key, unit, isDotted }: DrawnLine): ISeriesApi<"Line"> {
    const isPrice = unit === "price";
    const format = isPrice ? this.#priceText : (bps: number) => `${formatBps(bps)} bps`;
    const options = {
      lineWidth: isPrice ? (2 as const) : (1 as const),
      lineStyle: isDotted ? LineStyle.Dotted : LineStyle.Solid,
      priceLineVisible: false,
      // The library gives the label the colour of the last point, which is none before a gap; the legend has the figure.
      lastValueVisible: false,
      crosshairMarkerRadius: 3,
      priceFormat: { type: "custom" as const, minMove: isPrice ? 1e-12 : 0.1, formatter: format },
    };
    const series = this.#chart.addSeries(LineSeries, options, isPrice ? 0 : 1);
    if (!isPrice) this.#chart.panes()[1]?.setStretchFactor(LOWER_HEIGHT);
    this.#series.set(key, series);
    return series;
  }
}

/** The library draws the way from a point to the next one in the colour of the first. */
function asData({ time, value, endsLine }: LinePoint) {
  const at = { time: time as UTCTimestamp };
  if (value === undefined) return at;
  return endsLine ? { ...at, value, color: NO_COLOUR } : { ...at, value };
}
