// Draws a trail with TradingView's lightweight-charts: one line per source and one for the consensus; below, how far the sources stand apart.
import { type AutoscaleInfo, ColorType, createChart, type IChartApi, type ISeriesApi, LineSeries, LineStyle, LineType, type Time, type UTCTimestamp } from "lightweight-charts";
import { formatBps } from "../rates/spread";
import { axisText, besideLabels } from "./axis-figures";
import { colourResolver, lineColour } from "./colours";
import { secondText } from "./time-labels";
import { CONSENSUS_LINE, type Point, REACH_S, SPREAD_LINE, type Trail } from "./trail";

const LEAST_WINDOW_S = 60;
/** Height of the pane of the spread, as a part of that of the prices. */
const SPREAD_HEIGHT = 0.3;
/** Interval at which the lines are trimmed to the points that the trail still holds. */
const REDRAW_S = 60;

/** Characters of a time and of the half by which the library moves the first and the last one into the chart. */
const ROOM_OF_TIME = 12;
const NO_COLOUR = "rgba(0, 0, 0, 0)";

export class SourceLines {
  readonly #place: HTMLElement;
  readonly #trail: Trail;
  readonly #chart: IChartApi;
  readonly #lines = new Map<string, ISeriesApi<"Line">>();
  readonly #seconds: ISeriesApi<"Line">;
  #second = 0;
  #precision = 2;
  #order: readonly string[] = [];

  /** `onCrosshair`: the second under the crosshair; null without one. */
  constructor(place: HTMLElement, trail: Trail, onCrosshair: (time: number | null) => void) {
    this.#place = place;
    this.#trail = trail;
    this.#chart = createChart(place, {
      autoSize: true,
      // The library draws its logo with a style element, which the content security policy forbids; the page credits it in its text.
      layout: { attributionLogo: false, panes: { enableResize: false } },
      localization: { timeFormatter: (time: Time) => clockText(time) },
      // The chart follows the time automatically; touch gestures on it scroll the page.
      handleScroll: false,
      handleScale: false,
      rightPriceScale: { entireTextOnly: true },
      // The library measures what it moves into the chart in the plain font.
      timeScale: { allowBoldLabels: false, secondsVisible: true, timeVisible: true, minBarSpacing: 0.1, tickMarkMaxCharacterLength: ROOM_OF_TIME, tickMarkFormatter: (time: Time) => clockText(time) },
    });
    this.#chart.subscribeCrosshairMove(({ time, point }) => onCrosshair(point === undefined || time === undefined ? null : (time as number)));
    // The axis only includes times that have points: a point without a value for every second makes it linear.
    this.#seconds = this.#chart.addSeries(LineSeries, { lastValueVisible: false, priceLineVisible: false, priceFormat: this.#formatOf("") });
    this.paint();
    for (const line of trail.lines.keys()) this.#draw(line);
  }

  /** Assigns the colours to the lines in this order. */
  order(sources: readonly string[]): void {
    this.#order = sources;
    this.paint();
  }

  add(line: string, point: Point): void {
    (this.#lines.get(line) ?? this.#draw(line)).update(asData(point));
    this.#freshenAxis(line === SPREAD_LINE ? 1 : 0);
  }

  /** Moves the visible range to the second of `nowMs`; it starts with a minute and grows to the range of the trail. */
  passSecond(nowMs: number): void {
    const now = Math.floor(nowMs / 1000);
    if (now <= this.#second) return;
    this.#trail.hold(nowMs);
    const isDue = now % REDRAW_S === 0 || now > this.#second + 1;
    this.#second = now;
    if (isDue) this.#redraw(now);
    else this.#seconds.update({ time: now as UTCTimestamp });
    this.#chart.timeScale().fitContent();
  }

  /** Redraws the lines from the trail, which has dropped its oldest points. */
  #redraw(now: number): void {
    const points = [...this.#trail.lines.values()].flatMap((line) => line.slice(0, 1));
    const first = Math.min(now - LEAST_WINDOW_S, ...points.map(({ time }) => time));
    const from = Math.max(first, now - REACH_S);
    this.#seconds.setData(Array.from({ length: now - from + 1 }, (_, second) => ({ time: (from + second) as UTCTimestamp })));
    for (const [line, series] of this.#lines) series.setData((this.#trail.lines.get(line) ?? []).map(asData));
  }

  /** Applies the colours of the current theme. */
  paint(): void {
    const colour = colourResolver(this.#place);
    this.#chart.applyOptions({
      layout: { background: { type: ColorType.Solid, color: colour("var(--sheet)") }, textColor: colour("var(--ink-soft)"), fontFamily: getComputedStyle(this.#place).fontFamily, panes: { separatorColor: colour("var(--line)") } },
      grid: { vertLines: { color: colour("var(--line)") }, horzLines: { color: colour("var(--line)") } },
      rightPriceScale: { borderColor: colour("var(--line)") },
      timeScale: { borderColor: colour("var(--line)") },
    });
    for (const [line, series] of this.#lines) series.applyOptions({ color: colour(this.#colourOf(line)) });
  }

  /** Sets the precision of the axis that distinguishes adjacent prices. */
  applyPrecision(precision: number): void {
    this.#precision = precision;
    // The axis takes its format from the first series.
    this.#seconds.applyOptions({ priceFormat: this.#formatOf("") });
    for (const [line, series] of this.#lines) series.applyOptions({ priceFormat: this.#formatOf(line) });
  }

  #formatOf(line: string) {
    const isSpread = line === SPREAD_LINE;
    const formatter = isSpread ? (bps: number) => `${formatBps(bps)} bps` : (price: number) => axisText(price, this.#precision);
    return { type: "custom" as const, minMove: isSpread ? 0.1 : 10 ** -this.#precision, formatter, tickmarksFormatter: (figures: number[]) => this.#besideLabels(figures.map(formatter), figures, isSpread) };
  }

  /** The figures of an axis that no label of a last price covers in part. */
  #besideLabels(texts: readonly string[], figures: readonly number[], isSpread: boolean): string[] {
    const labelled = [...this.#lines].filter(([line]) => line !== CONSENSUS_LINE && (line === SPREAD_LINE) === isSpread);
    const placeOf = (figure: number | undefined) => (figure === undefined ? null : (labelled[0]?.[1].priceToCoordinate(figure) ?? null));
    return besideLabels(texts, figures.map(placeOf), labelled.map(([line]) => placeOf(this.#trail.lines.get(line)?.at(-1)?.value)));
  }

  /** The library keeps the figures of an axis while its range stays the same; labels move meanwhile. */
  #freshenAxis(pane: number): void {
    const scale = this.#chart.panes()[pane]?.priceScale("right");
    scale?.applyOptions({ scaleMargins: scale.options().scaleMargins });
  }

  remove(): void {
    this.#chart.remove();
  }

  #draw(line: string): ISeriesApi<"Line"> {
    const isConsensus = line === CONSENSUS_LINE;
    const isSpread = line === SPREAD_LINE;
    const options = {
      color: colourResolver(this.#place)(this.#colourOf(line)),
      lineWidth: isSpread ? (1 as const) : (2 as const),
      priceFormat: this.#formatOf(line),
      lineStyle: isConsensus ? LineStyle.Dotted : LineStyle.Solid,
      // A price is valid until the source publishes the next one; values in between would be guesses.
      lineType: LineType.WithSteps,
      priceLineVisible: false,
      lastValueVisible: !isConsensus,
      crosshairMarkerRadius: 3,
      ...(isSpread ? {} : { autoscaleInfoProvider: (original: () => AutoscaleInfo | null) => withMargin(original()) }),
    };
    const series = this.#chart.addSeries(LineSeries, options, isSpread ? 1 : 0);
    if (isSpread) this.#chart.panes()[1]?.setStretchFactor(SPREAD_HEIGHT);
    this.#lines.set(line, series);
    return series;
  }

  #colourOf(line: string): string {
    if (line === SPREAD_LINE) return "var(--ink-soft)";
    return line === CONSENSUS_LINE ? "var(--ink)" : lineColour(Math.max(0, this.#order.indexOf(line)));
  }
}

/** The minimum range is a hundredth of a percent: otherwise a constant price would fill the chart with noise. */
function withMargin(info: AutoscaleInfo | null): AutoscaleInfo | null {
  if (info?.priceRange == null) return info;
  const { minValue, maxValue } = info.priceRange;
  const least = ((minValue + maxValue) / 2) * 0.0001;
  const lacking = Math.max(0, least - (maxValue - minValue)) / 2;
  return { ...info, priceRange: { minValue: minValue - lacking, maxValue: maxValue + lacking } };
}

function asData({ time, value, endsLine }: Point) {
  const at = { time: time as UTCTimestamp, value };
  return endsLine ? { ...at, color: NO_COLOUR } : at;
}

function clockText(time: Time): string {
  return secondText((time as number) * 1000);
}
