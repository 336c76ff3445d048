// Draws candles, a line or an area with TradingView's lightweight-charts, with volumes, gaps and a crosshair.
import {
  AreaSeries,
  CandlestickSeries,
  ColorType,
  createChart,
  CrosshairMode,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  type LogicalRange,
  LineSeries,
  PriceScaleMode,
  type SeriesType,
  TickMarkType,
  type Time,
} from "lightweight-charts";
import type { ChartKind } from "../browser/chart-address";
import { formatChange, formatPrice } from "../rates/figures";
import type { ChartCandle } from "./candle-window";
import { besideLabels } from "./axis-figures";
import { type ChartColours, readColours } from "./chart-colours";
import { GapBands } from "./gap-bands";
import { asBar, asLine, asVolume } from "./library-data";
import { type DrawnLine, OverlayLines } from "./overlay-lines";
import { type CandlePoint, decimalsOf, findBands, timeOf, toCandlePoint, toLinePoints } from "./series-data";
import { clockText, dateText, momentText } from "./time-labels";
import type { IndexRange } from "./view-range";

interface Hooks {
  onMove(): void;
  /** The candle under the crosshair; null without one. */
  onCrosshair(index: number | null): void;
}

export interface Drawing {
  candles: readonly ChartCandle[];
  kind: ChartKind;
  isDaily: boolean;
  /** Whether the last candle is the newest there is. */
  isAtNow: boolean;
  beginning: string | null;
  /** Further lines on the same candles. */
  lines: readonly DrawnLine[];
  /** Prices as changes in percent from the first ones in view. */
  isPercent: boolean;
}

const EMPTY: Drawing = { candles: [], kind: "candles", isDaily: false, isAtNow: true, beginning: null, lines: [], isPercent: false };

/** A pixel for each candle at least, so that there are never more candles than pixels. */
const LEAST_SPACING_PX = 1;
const PRICES_FOR_PRECISION = 100;
const FONT_PX = 12;
const MOST_DECIMALS = 12;

export class CandleChart {
  readonly #place: HTMLElement;
  readonly #chart: IChartApi;
  readonly #volumes: ISeriesApi<"Histogram">;
  readonly #bands = new GapBands();
  #main: ISeriesApi<SeriesType> | null = null;
  readonly #overlays: OverlayLines;
  #drawing = EMPTY;
  #colours: ChartColours;
  #decimals = 2;
  /** Of the times that stand out, which are the widest. */
  #font = "";
  /** The range that was set last, until the library shows it: it does so with the next frame. */
  #pending: IndexRange | null = null;

  constructor(place: HTMLElement, hooks: Hooks, isStill: boolean) {
    this.#place = place;
    this.#colours = readColours(place);
    const isDaily = () => this.#drawing.isDaily;
    this.#chart = createChart(place, {
      autoSize: true,
      // The library draws its logo with a style element, which the content security policy forbids; the page credits it in its text.
      layout: { attributionLogo: false, panes: { enableResize: false } },
      localization: { timeFormatter: (time: Time) => momentText(inMs(time), isDaily()), percentageFormatter: (percent: number) => formatChange(String(percent)) },
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { entireTextOnly: true },
      // Vertical gestures scroll the page, horizontal ones the chart.
      handleScroll: { vertTouchDrag: false, mouseWheel: true },
      kineticScroll: { touch: !isStill, mouse: false },
      timeScale: {
        minBarSpacing: LEAST_SPACING_PX,
        timeVisible: true,
        tickMarkFormatter: (time: Time, type: TickMarkType) => this.#wholeOrNone(time, tickText(inMs(time), type, isDaily())),
      },
    });
    this.#volumes = this.#chart.addSeries(HistogramSeries, { priceScaleId: "", lastValueVisible: false, priceLineVisible: false });
    this.#volumes.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.#overlays = new OverlayLines(place, this.#chart, (price) => this.#priceText(price));
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange(() => {
      this.#pending = null;
      this.#freshenTimes();
      hooks.onMove();
    });
    this.#chart.timeScale().subscribeSizeChange(() => this.#freshenTimes());
    this.#chart.subscribeCrosshairMove(({ logical, point }) => hooks.onCrosshair(logical === undefined || point === undefined ? null : this.#clamp(logical)));
    this.paint();
  }

  /** Draws other candles; what was in view stays in view. */
  draw(drawing: Drawing): void {
    const before = this.#drawing;
    const view = this.visible();
    const isOther = this.#main === null || before.kind !== drawing.kind;
    this.#drawing = drawing;
    const main = isOther ? this.#replaceMain() : this.#main;
    const { candles } = drawing;
    if (drawing.kind === "candles") main?.setData(candles.map((candle) => this.#bar(toCandlePoint(candle))));
    else main?.setData(toLinePoints(candles).map((point) => asLine(point, this.#colours, drawing.kind)));
    this.#volumes.setData(candles.map((candle) => asVolume(candle, this.#colours)));
    this.#decimals = Math.min(MOST_DECIMALS, decimalsOf(candles.slice(-PRICES_FOR_PRECISION).flatMap(({ close }) => close ?? [])));
    main?.applyOptions({
      priceFormat: {
        type: "custom",
        minMove: 10 ** -this.#decimals,
        formatter: (price: number) => this.#priceText(price),
        tickmarksFormatter: (prices: number[]) => this.#besideLabel(prices),
      },
      lastValueVisible: drawing.isAtNow,
      priceLineVisible: drawing.isAtNow,
    });
    this.#chart.priceScale("right").applyOptions({ mode: drawing.isPercent ? PriceScaleMode.Percentage : PriceScaleMode.Normal });
    this.#overlays.draw(drawing.lines);
    this.#showBands();
    if (view !== null && before.candles.length > 0 && candles.length > 0) this.show(shifted(view, before.candles, candles));
  }

  /** Draws a newer state of the last candle. */
  drawLast(candle: ChartCandle | undefined): void {
    const { candles, kind } = this.#drawing;
    if (candle === undefined || candles.at(-1)?.openTime !== candle.openTime || candle.close === null) return;
    this.#drawing = { ...this.#drawing, candles: [...candles.slice(0, -1), candle] };
    if (kind === "candles") this.#main?.update(this.#bar(toCandlePoint(candle)));
    else this.#main?.update(asLine({ time: timeOf(candle), value: Number(candle.close) }, this.#colours, kind));
    this.#volumes.update(asVolume(candle, this.#colours));
    this.#freshenAxis();
  }

  /** Draws other points of the further lines. */
  drawLines(lines: readonly DrawnLine[]): void {
    this.#drawing = { ...this.#drawing, lines };
    this.#overlays.draw(lines);
  }

  show({ from, to }: IndexRange): void {
    if (to <= from) return;
    const range = { from, to };
    this.#pending = range;
    this.#chart.timeScale().setVisibleLogicalRange(range as unknown as LogicalRange);
    // The library asked for its frame first. It tells nothing when it may not move.
    requestAnimationFrame(() => {
      if (this.#pending === range) this.#pending = null;
    });
  }

  /** The range that is shown, or about to be. */
  visible(): IndexRange | null {
    if (this.#pending !== null) return this.#pending;
    const range = this.#chart.timeScale().getVisibleLogicalRange();
    return range === null ? null : { from: range.from, to: range.to };
  }

  /** Puts the crosshair on a candle, as the pointer does. */
  point(index: number | null): void {
    const candle = index === null ? undefined : this.#drawing.candles[index];
    const price = candle?.close ?? this.#drawing.candles.findLast(({ close }) => close !== null)?.close;
    if (candle === undefined || price == null || this.#main === null) this.#chart.clearCrosshairPosition();
    else this.#chart.setCrosshairPosition(Number(price), timeOf(candle) as Time, this.#main);
  }

  /** Applies the colours of the current theme. */
  paint(): void {
    const colours = readColours(this.#place);
    this.#colours = colours;
    const { fontFamily } = getComputedStyle(this.#place);
    this.#font = `bold ${FONT_PX}px ${fontFamily}`;
    this.#chart.applyOptions({
      layout: { background: { type: ColorType.Solid, color: colours.sheet }, textColor: colours.text, fontSize: FONT_PX, fontFamily, panes: { separatorColor: colours.edge } },
      grid: { vertLines: { color: colours.grid }, horzLines: { color: colours.grid } },
      crosshair: { vertLine: { color: colours.text, labelBackgroundColor: colours.label }, horzLine: { color: colours.text, labelBackgroundColor: colours.label } },
      rightPriceScale: { borderColor: colours.edge },
      timeScale: { borderColor: colours.edge },
    });
    this.#bands.paint(colours);
    this.#main?.applyOptions(this.#seriesOptions());
    if (this.#drawing.candles.length > 0) this.draw(this.#drawing);
  }

  remove(): void {
    this.#chart.remove();
  }

  #replaceMain(): ISeriesApi<SeriesType> {
    if (this.#main !== null) this.#chart.removeSeries(this.#main);
    const { kind } = this.#drawing;
    const definition = kind === "candles" ? CandlestickSeries : kind === "line" ? LineSeries : AreaSeries;
    const main: ISeriesApi<SeriesType> = this.#chart.addSeries(definition, this.#seriesOptions());
    main.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.2 } });
    main.attachPrimitive(this.#bands);
    this.#main = main;
    return main;
  }

  #seriesOptions() {
    const { up, down, upBody, downBody, line, areaTop, areaBottom, label } = this.#colours;
    const { kind } = this.#drawing;
    // Not the colour of the last candle: that may be hollow, or without colour before a gap.
    const last = { priceLineColor: label };
    if (kind === "candles") {
      return { ...last, upColor: upBody, downColor: downBody, borderUpColor: up, borderDownColor: down, wickUpColor: up, wickDownColor: down };
    }
    return kind === "line" ? { ...last, color: line, lineWidth: 2 as const } : { ...last, lineColor: line, topColor: areaTop, bottomColor: areaBottom, lineWidth: 2 as const };
  }

  #priceText(price: number): string {
    return formatPrice(price.toFixed(this.#decimals));
  }

  /** The figures of the axis that the label of the last price does not cover in part. */
  #besideLabel(prices: readonly number[]): string[] {
    const placeOf = (price: number | null) => (price === null ? null : (this.#main?.priceToCoordinate(price) ?? null));
    const { candles, isAtNow } = this.#drawing;
    const close = candles.findLast((candle) => candle.close !== null)?.close ?? null;
    const label = isAtNow && close !== null ? placeOf(Number(close)) : null;
    return besideLabels(prices.map((price) => this.#priceText(price)), prices.map(placeOf), [label]);
  }

  /** A text of the time axis; none where the end of the axis would cut it: half a date is another date. */
  #wholeOrNone(time: Time, text: string): string {
    const scale = this.#chart.timeScale();
    const place = scale.timeToCoordinate(time);
    const half = widthOf(text, this.#font) / 2;
    return place !== null && (place < half || place > scale.width() - half) ? "" : text;
  }

  /** The library keeps the texts of the times; which of them are whole changes with the range. */
  #freshenTimes(): void {
    this.#chart.timeScale().applyOptions({});
  }

  /** The library keeps the figures of an axis while its range stays the same; the label of the last price moves meanwhile. */
  #freshenAxis(): void {
    const scale = this.#chart.priceScale("right");
    scale.applyOptions({ scaleMargins: scale.options().scaleMargins });
  }

  #bar(point: CandlePoint) {
    return asBar(point, this.#colours);
  }

  #showBands(): void {
    const { candles, kind, beginning } = this.#drawing;
    const points = kind === "candles" ? [] : toLinePoints(candles);
    const dots = points.flatMap(({ value, isAlone }, index) => (isAlone && value !== undefined ? [{ index, value }] : []));
    this.#bands.show({ bands: findBands(candles), dots, beginning });
  }

  #clamp(logical: number): number {
    return Math.max(0, Math.min(this.#drawing.candles.length - 1, Math.round(logical)));
  }
}

/** The range that shows the same candles after others were added or dropped; the newest stay in view if they were. */
function shifted({ from, to }: IndexRange, before: readonly ChartCandle[], after: readonly ChartCandle[]): IndexRange {
  const isAtEnd = to >= before.length - 1 && before[0]?.openTime === after[0]?.openTime;
  const place = isAtEnd ? before.length - 1 : Math.max(0, Math.min(before.length - 1, Math.round(from)));
  const anchor = before[place]?.openTime ?? "";
  const found = isAtEnd ? after.length - 1 : after.findIndex(({ openTime }) => openTime >= anchor);
  const shift = (found === -1 ? after.length - 1 : found) - place;
  return { from: from + shift, to: to + shift };
}

const paper = document.createElement("canvas").getContext("2d");

function widthOf(text: string, font: string): number {
  if (paper === null) return 0;
  paper.font = font;
  return paper.measureText(text).width;
}

function inMs(time: Time): number {
  return (time as number) * 1000;
}

function tickText(timeMs: number, type: TickMarkType, isDaily: boolean): string {
  if (type === TickMarkType.Year) return dateText(timeMs, isDaily, "year");
  // Among hours the first of a month is a day as the others.
  if (type === TickMarkType.Month) return dateText(timeMs, isDaily, isDaily ? "month" : "day");
  return type === TickMarkType.DayOfMonth || isDaily ? dateText(timeMs, isDaily) : clockText(timeMs);
}
