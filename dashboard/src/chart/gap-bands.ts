// Marks on the time axis what the history does not know: a hatched band where nothing is known, a bar at its foot where a part is.
import type { IChartApi, ISeriesApi, ISeriesPrimitive, Logical, SeriesAttachedParameter, SeriesType, Time } from "lightweight-charts";
import type { Band } from "./series-data";

/** Colours for a canvas. */
export interface BandColours {
  ground: string;
  hatch: string;
  text: string;
  partial: string;
  line: string;
  font: string;
}

/** A close with an unknown time on both sides: no line leads to it. */
export interface Dot {
  index: number;
  value: number;
}

export interface BandContent {
  bands: readonly Band[];
  dots: readonly Dot[];
  /** What stands before the first candle, if the history begins with it. */
  beginning: string | null;
}

const FOOT_PX = 4;
const HATCH_PX = 8;
const DOT_PX = 2.5;
const UNKNOWN_TEXT = "not recorded";

type Target = Parameters<NonNullable<ReturnType<NonNullable<ReturnType<NonNullable<ISeriesPrimitive["paneViews"]>>[number]>["renderer"]>>["draw"]>[0];

export class GapBands implements ISeriesPrimitive<Time> {
  #chart: IChartApi | null = null;
  #series: ISeriesApi<SeriesType> | null = null;
  #requestUpdate: () => void = () => undefined;
  #content: BandContent = { bands: [], dots: [], beginning: null };
  #colours: BandColours | null = null;
  readonly #views = [{ zOrder: () => "bottom" as const, renderer: () => ({ draw: (target: Target) => this.#draw(target) }) }];

  attached({ chart, series, requestUpdate }: SeriesAttachedParameter<Time>): void {
    this.#chart = chart as IChartApi;
    this.#series = series as ISeriesApi<SeriesType>;
    this.#requestUpdate = requestUpdate;
  }

  detached(): void {
    this.#chart = this.#series = null;
  }

  paneViews() {
    return this.#views;
  }

  show(content: BandContent): void {
    this.#content = content;
    this.#requestUpdate();
  }

  paint(colours: BandColours): void {
    this.#colours = colours;
    this.#requestUpdate();
  }

  #draw(target: Target): void {
    const [chart, colours] = [this.#chart, this.#colours];
    if (chart === null || colours === null) return;
    // biome-ignore lint/correctness/useHookAtTopLevel: a method of the canvas, no hook of React
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const { bands, beginning } = this.#content;
      const half = chart.timeScale().options().barSpacing / 2;
      const edge = (index: number, side: -1 | 1) => (chart.timeScale().logicalToCoordinate(index as Logical) ?? 0) + side * half;
      if (beginning !== null) hatch(context, colours, 0, Math.min(edge(0, -1), mediaSize.width), mediaSize.height, beginning);
      for (const { from, to, kind } of bands) {
        const [left, right] = [Math.max(0, edge(from, -1)), Math.min(mediaSize.width, edge(to, 1))];
        if (right <= left) continue;
        if (kind === "unknown") hatch(context, colours, left, right, mediaSize.height, UNKNOWN_TEXT);
        else {
          context.fillStyle = colours.partial;
          context.fillRect(left, mediaSize.height - FOOT_PX, Math.max(1, right - left), FOOT_PX);
        }
      }
      this.#drawDots(context, colours);
    });
  }

  #drawDots(context: CanvasRenderingContext2D, colours: BandColours): void {
    context.fillStyle = colours.line;
    for (const { index, value } of this.#content.dots) {
      const [x, y] = [this.#chart?.timeScale().logicalToCoordinate(index as Logical), this.#series?.priceToCoordinate(value)];
      if (x == null || y == null) continue;
      context.beginPath();
      context.arc(x, y, DOT_PX, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

function hatch(context: CanvasRenderingContext2D, colours: BandColours, left: number, right: number, height: number, text: string): void {
  if (right <= left) return;
  context.save();
  context.beginPath();
  context.rect(left, 0, right - left, height);
  context.clip();
  context.fillStyle = colours.ground;
  context.fillRect(left, 0, right - left, height);
  context.strokeStyle = colours.hatch;
  context.beginPath();
  // The lines are fixed to the pane, so that neighbouring bands join.
  for (let x = left - height - (left % HATCH_PX); x < right; x += HATCH_PX) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
  context.font = colours.font;
  const width = context.measureText(text).width;
  if (width + 16 < right - left) {
    const middle = (left + right) / 2;
    context.fillStyle = colours.ground;
    context.fillRect(middle - width / 2 - 5, height / 2 - 10, width + 10, 20);
    context.fillStyle = colours.text;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, middle, height / 2);
  }
  context.restore();
}
