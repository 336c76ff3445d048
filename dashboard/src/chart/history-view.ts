// The chart of an instrument's history outside React: which candles are loaded and in view, and what the viewer points at.
import type { Client } from "urql";
import { goChart } from "../browser/address";
import type { ChartAddress, TimeFrame } from "../browser/chart-address";
import type { Pausable } from "../live/visibility";
import type { ServerClock } from "../rates/server-clock";
import { AddressWriter } from "./address-writer";
import { CandleChart } from "./candle-chart";
import { candleWords } from "./candle-words";
import { ChartOverlays } from "./chart-overlays";
import { drawnLines } from "./drawn-lines";
import { HistoryFeed, type HistoryChange, type HistoryQuestion } from "./history-feed";
import { candlesIn, firstFrame, intervalFor, intervalLength, isDaily } from "./time-frames";
import { momentText } from "./time-labels";
import { FIRST_STATE, type ViewState, ViewStore } from "./view-state";
import { type IndexRange, openingRange, panned, revealing, timesInView, zoomed } from "./view-range";

/** Loaded beyond the frame, so that the viewer can move at once. */
const SPARE_CANDLES = 120;
/** Earlier candles are loaded when fewer than this part of the view is left. */
const LOAD_AHEAD = 0.5;

export class HistoryView implements Pausable {
  readonly #client: Client;
  readonly #clock: ServerClock;
  readonly #symbol: string;
  readonly #store = new ViewStore();
  readonly #overlays: ChartOverlays;
  /** Whether further lines have other points than those that are drawn. */
  #haveLinesChanged = false;
  #chart: CandleChart | null = null;
  #feed: HistoryFeed | null = null;
  #address: ChartAddress | null = null;
  #chosenFrame: TimeFrame | null = null;
  #widthPx = 0;
  /** What to show with the first candles of a question; null for its frame up to now. */
  #opening: { from: number | null; to: number | null } | null = null;
  #isNew = true;
  #isActive = false;
  readonly #writer = new AddressWriter(() => this.#timesInView());

  constructor(client: Client, clock: ServerClock, symbol: string) {
    this.#client = client;
    this.#clock = clock;
    this.#symbol = symbol;
    this.#overlays = new ChartOverlays(client, symbol, () => {
      this.#haveLinesChanged = true;
    });
  }

  get #state(): ViewState {
    return this.#store.read();
  }

  readonly read = (): ViewState => this.#store.read();

  readonly onChange = (listener: () => void): (() => void) => this.#store.onChange(listener);

  /** Draws in `place` until the returned function is called. */
  mount(place: HTMLElement, isStill: boolean): () => void {
    const chart = new CandleChart(place, { onMove: () => this.#noteMove(), onCrosshair: (index) => this.#store.tellSoon({ pointed: this.#openTimeAt(index) }) }, isStill);
    this.#chart = chart;
    const observer = new ResizeObserver(() => this.#measure(place));
    observer.observe(place);
    this.#measure(place);
    return () => {
      observer.disconnect();
      this.#writer.stop();
      this.#store.stop();
      this.#overlays.stop();
      this.#feed?.stop();
      chart.remove();
      this.#feed = this.#chart = this.#address = null;
    };
  }

  /** Follows the address: frame, kind and source. The time in view counts when the page is opened, and where it has none. */
  follow(address: ChartAddress): void {
    const before = this.#address;
    this.#address = address;
    if (before === null) this.#opening = address.from === null ? null : { from: address.from, to: address.to };
    if (before !== null && before.range !== address.range) this.#chosenFrame = null;
    this.#ask();
    this.#overlays.follow(address, this.#state.interval);
    const isOther = before !== null && (before.kind !== address.kind || (before.compare === null) !== (address.compare === null));
    if (isOther) this.#draw();
  }

  paint(): void {
    this.#chart?.paint();
  }

  /** Keeps the newest candles up to date; `pause` ends that while the page is hidden. */
  start(): void {
    this.#isActive = true;
    this.#overlays.start();
    this.#feed?.start();
  }

  pause(): void {
    this.#isActive = false;
    this.#overlays.pause();
    this.#feed?.pause();
  }

  readonly leave = (): void => this.pause();

  readonly retryNow = (): void => this.hurry();

  onSecondHand(isConnected: boolean): void {
    void this.#feed?.onSecondHand(isConnected);
    if (this.#state.phase !== "ready") return;
    if (isConnected) this.#overlays.onSecondHand(this.#state.candles, this.#state.isAtNow);
    if (this.#haveLinesChanged) this.#drawLines();
  }

  hurry(): void {
    this.#feed?.hurry();
    void this.#feed?.onSecondHand(true);
  }

  noteGesture(): void {
    this.#writer.noteGesture();
  }

  /** Shows the frame up to now. */
  showNow(): void {
    this.#opening = null;
    goChart({ from: null, to: null });
    if (this.#feed?.window.hasLater) this.#open({ ...this.#feed.question, until: null });
    else this.#showOpening();
  }

  zoom(steps: number): void {
    this.#move((view) => zoomed(view, steps, this.#state.candles.length));
  }

  /** Moves the view by a part of its width. */
  pan(part: number): void {
    this.#move((view) => panned(view, part));
  }

  /** Shows the first candles that are loaded; earlier ones follow. */
  showEarliest(): void {
    this.#move(({ from, to }) => ({ from: -1, to: to - from - 1 }));
  }

  /** Moves the crosshair by candles, and the view with it. */
  step(by: number): void {
    const { candles, pointed, visible } = this.#state;
    if (candles.length === 0) return;
    const at = candles.findIndex(({ openTime }) => openTime === pointed);
    const start = at === -1 ? Math.min(candles.length, Math.floor(visible.to) + 1) : at;
    const next = Math.max(0, Math.min(candles.length - 1, start + by));
    const view = revealing(visible, next);
    if (view.from !== visible.from) this.#move(() => view);
    this.#chart?.point(next);
    const candle = candles[next];
    this.#store.tell({ pointed: this.#openTimeAt(next), spoken: candle === undefined ? "" : candleWords(candle, isDaily(this.#state.interval)) });
  }

  unpoint(): void {
    this.#chart?.point(null);
    this.#store.tell({ pointed: null, spoken: "" });
  }

  #move(change: (view: IndexRange) => IndexRange): void {
    const view = this.#chart?.visible();
    if (view == null) return;
    this.noteGesture();
    this.#chart?.show(change(view));
  }

  #measure(place: HTMLElement): void {
    this.#widthPx = place.clientWidth;
    this.#ask();
  }

  /** Asks for other candles if the address or the width of the chart needs them. */
  #ask(): void {
    if (this.#address === null || this.#chart === null || this.#widthPx === 0) return;
    const { range, source } = this.#address;
    const frame = range === null || range === "live" ? (this.#chosenFrame ?? FIRST_STATE.frame) : range;
    const interval = intervalFor(frame, this.#widthPx);
    const asked = this.#feed?.question;
    const isSame = asked?.interval === interval && asked.source === source;
    if (isSame && frame === this.#state.frame) return;
    this.#store.tell({ frame, interval });
    this.#overlays.follow(this.#address, interval);
    if (isSame && candlesIn(frame, interval) <= this.#state.candles.length) {
      this.#opening = null;
      this.#showOpening();
      return;
    }
    const { from, to } = this.#opening ?? { from: null, to: null };
    const shown = from === null ? candlesIn(frame, interval) : Math.ceil(((to ?? this.#nowMs()) - from) / intervalLength(interval));
    // The candle of `to` itself is in view.
    const until = to === null ? null : to + 1;
    this.#open({ symbol: this.#symbol, source, interval, until, count: shown + SPARE_CANDLES });
  }

  #open(question: HistoryQuestion): void {
    this.#feed?.stop();
    this.#isNew = true;
    const feed = new HistoryFeed(this.#client, this.#clock, question, (change) => this.#take(feed, change));
    this.#feed = feed;
    if (this.#isActive) feed.start();
    this.#store.tell({ ...feed.state, source: this.#state.source });
    void feed.onSecondHand(true);
  }

  #take(feed: HistoryFeed, change: HistoryChange): void {
    if (feed !== this.#feed) return;
    const { candles } = feed;
    if (change === "last") {
      this.#chart?.drawLast(candles.at(-1));
      this.#store.tellSoon({ candles });
      return;
    }
    if (change === "candles" && this.#isNew && feed.state.phase === "ready") {
      this.#isNew = false;
      if (this.#chooseFrame(feed)) return;
      this.#store.tell({ candles, ...feed.state, isAtNow: !feed.window.hasLater });
      this.#draw();
      this.#showOpening();
      return;
    }
    this.#store.tell({ candles: this.#isNew ? this.#state.candles : candles, ...feed.state, isAtNow: !feed.window.hasLater });
    if (change !== "candles" || this.#isNew) return;
    this.#draw();
    this.#loadMore();
  }

  /** Where the address names no frame, a young history gets a shorter one. Returns whether other candles are needed for it. */
  #chooseFrame(feed: HistoryFeed): boolean {
    if (this.#address?.range !== null || this.#chosenFrame !== null || this.#opening !== null) return false;
    const { earliest } = feed.window;
    this.#chosenFrame = firstFrame(earliest === null ? null : Date.parse(earliest), this.#nowMs());
    const isOther = this.#chosenFrame !== this.#state.frame;
    if (isOther) this.#ask();
    return isOther && this.#feed !== feed;
  }

  #draw(): void {
    const { candles, interval, isAtNow } = this.#state;
    if (this.#feed === null || this.#address === null) return;
    const { hasEarlier, first } = this.#feed.window;
    const daily = isDaily(interval);
    const beginning = hasEarlier || first === undefined ? null : `no record before ${momentText(Date.parse(first.openTime), daily)}`;
    const lines = drawnLines(candles, this.#overlays);
    this.#chart?.draw({ candles, kind: this.#address.kind, isDaily: daily, isAtNow, beginning, lines, isPercent: this.#address.compare !== null });
  }

  #drawLines(): void {
    this.#haveLinesChanged = false;
    const { lines, hasSpread, spreadAt, spreadProblem } = this.#overlays;
    this.#store.tell({ overlays: lines, spreadAt: hasSpread ? spreadAt : null, spreadProblem });
    this.#chart?.drawLines(drawnLines(this.#state.candles, this.#overlays));
  }

  /** Shows the time of the address, or the frame up to the newest candle. */
  #showOpening(): void {
    const { candles, frame, interval } = this.#state;
    const window = this.#feed?.window;
    const { from, to } = this.#opening ?? { from: null, to: null };
    this.#opening = null;
    const indexAt = (time: number) => window?.indexAt(time) ?? candles.length - 1;
    this.#chart?.show(openingRange(candles.length, candlesIn(frame, interval), from === null ? null : indexAt(from), to === null ? null : indexAt(to)));
  }

  #noteMove(): void {
    const visible = this.#chart?.visible();
    if (visible == null || this.#isNew) return;
    this.#store.tellSoon({ visible });
    this.#loadMore(visible);
    this.#writer.noteMove(this.#address?.from != null);
  }

  #loadMore(visible = this.#chart?.visible()): void {
    if (visible == null || this.#feed === null || this.#isNew) return;
    const ahead = (visible.to - visible.from) * LOAD_AHEAD;
    if (visible.from < ahead) void this.#feed.loadEarlier();
    if (visible.to > this.#state.candles.length - ahead) void this.#feed.loadLater();
  }

  #timesInView() {
    const view = this.#chart?.visible();
    return view == null ? null : timesInView(this.#state.candles, view, this.#state.isAtNow);
  }

  #openTimeAt(index: number | null): string | null {
    return index === null ? null : (this.#state.candles[index]?.openTime ?? null);
  }

  #nowMs(): number {
    return this.#clock.nowMs(Date.now());
  }
}
