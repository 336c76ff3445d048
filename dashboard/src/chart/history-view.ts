// The chart of an instrument's history outside React: which candles are loaded and in view, and what the viewer points at.
import type { Client } from "urql";
import { goChart } from "../browser/address";
import type { ChartAddress, TimeFrame } from "../browser/chart-address";
import type { ServerClock } from "../rates/server-clock";
import { CandleChart } from "./candle-chart";
import { candleWords } from "./candle-words";
import { HistoryFeed, type HistoryChange, type HistoryQuestion } from "./history-feed";
import type { LivePrice } from "./live-price";
import { candlesIn, firstFrame, intervalFor, intervalLength, isDaily } from "./time-frames";
import { momentText } from "./time-labels";
import { FIRST_STATE, type ViewState } from "./view-state";
import { FEWEST_IN_VIEW, type IndexRange, indexesInView, panned, revealing, zoomed } from "./view-range";

/** Room between the newest candle and the scale. */
const MARGIN_CANDLES = 3;
/** Loaded beyond the frame, so that the viewer can move at once. */
const SPARE_CANDLES = 120;
/** Earlier candles are loaded when fewer than this part of the view is left. */
const LOAD_AHEAD = 0.5;
const ADDRESS_AFTER_MS = 400;
/** After a gesture the chart may glide on. */
const GESTURE_MS = 1_500;

export class HistoryView {
  readonly #client: Client;
  readonly #clock: ServerClock;
  readonly #symbol: string;
  readonly #listeners = new Set<() => void>();
  #chart: CandleChart | null = null;
  #feed: HistoryFeed | null = null;
  #state = FIRST_STATE;
  #address: ChartAddress | null = null;
  #chosenFrame: TimeFrame | null = null;
  #widthPx = 0;
  /** What to show with the first candles of a question; null for its frame up to now. */
  #opening: { from: number | null; to: number | null } | null = null;
  #isNew = true;
  #gestureUntil = 0;
  #addressTimer: number | undefined;
  #frameRequest: number | null = null;

  constructor(client: Client, clock: ServerClock, symbol: string) {
    this.#client = client;
    this.#clock = clock;
    this.#symbol = symbol;
  }

  readonly read = (): ViewState => this.#state;

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Draws in `place` until the returned function is called. */
  mount(place: HTMLElement, isStill: boolean): () => void {
    const chart = new CandleChart(place, { onMove: () => this.#noteMove(), onCrosshair: (index) => this.#tellSoon({ pointed: this.#openTimeAt(index) }) }, isStill);
    this.#chart = chart;
    const observer = new ResizeObserver(() => this.#measure(place));
    observer.observe(place);
    this.#measure(place);
    return () => {
      observer.disconnect();
      window.clearTimeout(this.#addressTimer);
      if (this.#frameRequest !== null) cancelAnimationFrame(this.#frameRequest);
      this.#feed?.stop();
      chart.remove();
      this.#frameRequest = this.#feed = this.#chart = this.#address = null;
    };
  }

  /** Follows the address: frame, kind and source. The time in view counts when the page is opened, and where it has none. */
  follow(address: ChartAddress): void {
    const before = this.#address;
    this.#address = address;
    if (before === null) this.#opening = address.from === null ? null : { from: address.from, to: address.to };
    if (before !== null && before.range !== address.range) this.#chosenFrame = null;
    this.#ask();
    if (before !== null && before.kind !== address.kind) this.#draw();
  }

  paint(): void {
    this.#chart?.paint();
  }

  takeLive(price: LivePrice): void {
    this.#feed?.takeLive(price);
  }

  onSecondHand(isConnected: boolean): void {
    void this.#feed?.onSecondHand(isConnected);
  }

  hurry(): void {
    this.#feed?.hurry();
    void this.#feed?.onSecondHand(true);
  }

  /** A wheel, pointer or key of the viewer: what now moves in the chart goes into the address. */
  noteGesture(): void {
    this.#gestureUntil = performance.now() + GESTURE_MS;
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
    this.#tell({ pointed: this.#openTimeAt(next), spoken: candle === undefined ? "" : candleWords(candle, isDaily(this.#state.interval)) });
  }

  unpoint(): void {
    this.#chart?.point(null);
    this.#tell({ pointed: null, spoken: "" });
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
    this.#tell({ frame, interval });
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
    this.#tell({ ...feed.state, source: this.#state.source });
    void feed.onSecondHand(true);
  }

  #take(feed: HistoryFeed, change: HistoryChange): void {
    if (feed !== this.#feed) return;
    const { candles } = feed;
    if (change === "last") {
      this.#chart?.drawLast(candles.at(-1));
      this.#tellSoon({ candles });
      return;
    }
    if (change === "candles" && this.#isNew && feed.state.phase === "ready") {
      this.#isNew = false;
      if (this.#chooseFrame(feed)) return;
      this.#tell({ candles, ...feed.state, isAtNow: !feed.window.hasLater });
      this.#draw();
      this.#showOpening();
      return;
    }
    this.#tell({ candles: this.#isNew ? this.#state.candles : candles, ...feed.state, isAtNow: !feed.window.hasLater });
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
    this.#chart?.draw({ candles, kind: this.#address.kind, isDaily: daily, isAtNow, beginning });
  }

  /** Shows the time of the address, or the frame up to the newest candle. */
  #showOpening(): void {
    const { candles, frame, interval } = this.#state;
    const end = candles.length - 1;
    const { from, to } = this.#opening ?? { from: null, to: null };
    this.#opening = null;
    const last = to === null ? end + MARGIN_CANDLES : (this.#feed?.window.indexAt(to) ?? end);
    const first = from === null ? end - candlesIn(frame, interval) + 1 : (this.#feed?.window.indexAt(from) ?? 0);
    this.#chart?.show({ from: Math.min(first, last - FEWEST_IN_VIEW), to: last });
  }

  #noteMove(): void {
    const visible = this.#chart?.visible();
    if (visible == null || this.#isNew) return;
    this.#tellSoon({ visible });
    this.#loadMore(visible);
    // Pages that arrive later move the view too.
    if (performance.now() < this.#gestureUntil || this.#address?.from != null) {
      window.clearTimeout(this.#addressTimer);
      this.#addressTimer = window.setTimeout(() => this.#writeAddress(), ADDRESS_AFTER_MS);
    }
  }

  #loadMore(visible = this.#chart?.visible()): void {
    if (visible == null || this.#feed === null || this.#isNew) return;
    const ahead = (visible.to - visible.from) * LOAD_AHEAD;
    if (visible.from < ahead) void this.#feed.loadEarlier();
    if (visible.to > this.#state.candles.length - ahead) void this.#feed.loadLater();
  }

  #writeAddress(): void {
    const { candles, isAtNow } = this.#state;
    const view = this.#chart?.visible();
    if (view == null || candles.length === 0) return;
    const [first, last] = indexesInView(candles.length, view).map((index) => Date.parse(candles[index]?.openTime ?? ""));
    const followsNow = isAtNow && view.to >= candles.length - 1;
    const [from, to] = [first ?? 0, followsNow ? null : (last ?? 0)];
    if (to === null || from < to) goChart({ from, to });
  }

  #openTimeAt(index: number | null): string | null {
    return index === null ? null : (this.#state.candles[index]?.openTime ?? null);
  }

  #nowMs(): number {
    return this.#clock.nowMs(Date.now());
  }

  #tell(change: Partial<ViewState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }

  /** Tells once per frame of the browser. */
  #tellSoon(change: Partial<ViewState>): void {
    this.#state = { ...this.#state, ...change };
    this.#frameRequest ??= requestAnimationFrame(() => {
      this.#frameRequest = null;
      for (const listener of this.#listeners) listener();
    });
  }
}
