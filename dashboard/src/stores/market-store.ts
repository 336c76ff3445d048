// All instruments of a view, outside React: events are written at once, and rows are notified together.
import type { MarketRateFragment, MissingFragment } from "../graphql/generated";
import type { RatesStep } from "../live/rates-feed";
import type { ServerClock } from "../rates/server-clock";
import { InstrumentRow } from "./instrument-row";

type Listener = () => void;

export class MarketStore<Item extends MarketRateFragment = MarketRateFragment> {
  readonly rows = new Map<string, InstrumentRow<Item>>();
  readonly clock: ServerClock;
  /** Sources in the gateway's order; sources that it has not listed yet follow. */
  sources: readonly string[] = [];
  /** Increases when an instrument or source is added or removed. */
  shape = 0;
  loaded = false;
  #order: readonly string[] = [];
  readonly #known = new Set<string>();
  readonly #dirty = new Set<InstrumentRow<Item>>();
  readonly #rowListeners = new Map<string, Set<Listener>>();
  readonly #shapeListeners = new Set<Listener>();
  #shapeShown = 0;
  readonly #turnMs: number;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #frame: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `turnMs`: least time between two notifications of rows; a frame by default. */
  constructor(clock: ServerClock, turnMs = 0) {
    this.clock = clock;
    this.#turnMs = turnMs;
  }

  /** `replaces`: instruments that are not in the step are removed. */
  apply(step: RatesStep<Item>, replaces: boolean): void {
    // A new connection may lead to another replica, and clocks are adjusted; until its first event, the old offset is the best.
    if (step.kind === "SNAPSHOT") this.clock.reset();
    this.clock.learn(Date.parse(step.sentAt), Date.now());
    const isFirst = !this.loaded && step.kind === "SNAPSHOT";
    if (isFirst) this.#reshape();
    this.loaded ||= isFirst;
    if (replaces) this.#dropAllBut(step.items);
    for (const item of step.items) this.#put(item);
    for (const missing of step.unavailable) this.#lose(missing, replaces || missing.reason !== "UNKNOWN_SYMBOL");
    this.#tell();
  }

  /** Applies rates of instruments that the market has, unless it has newer ones. */
  refresh(items: readonly Item[]): void {
    for (const item of items) {
      const quote = this.rows.get(item.symbol)?.quotes.get(item.source.code);
      if (quote === undefined || Date.parse(item.observedAt) < quote.observedAtMs) continue;
      this.#put(item);
    }
    this.#tell();
  }

  /** Changes an instrument by other data than its rates, and notifies its row. */
  change(symbol: string, how: (row: InstrumentRow<Item>) => void): void {
    const row = this.rows.get(symbol);
    if (row === undefined) return;
    how(row);
    this.#dirty.add(row);
    this.#tell();
  }

  /** Puts `order` first among the sources, including sources without rates yet. */
  orderSources(order: readonly string[]): void {
    this.#order = order;
    this.#arrangeSources();
    this.#tell();
  }

  onRow(symbol: string, listener: Listener): () => void {
    const listeners = this.#rowListeners.get(symbol) ?? new Set();
    this.#rowListeners.set(symbol, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#rowListeners.delete(symbol);
    };
  }

  readonly onShape = (listener: Listener): (() => void) => {
    this.#shapeListeners.add(listener);
    return () => this.#shapeListeners.delete(listener);
  };

  #put(item: Item): void {
    const row = this.#row(item.symbol);
    if (!this.#known.has(item.source.code)) {
      this.#known.add(item.source.code);
      this.#arrangeSources();
    }
    row.put(item);
    this.#dirty.add(row);
  }

  #lose(missing: MissingFragment, isTracked: boolean): void {
    const row = this.#row(missing.symbol);
    row.lose(missing, isTracked);
    this.#dirty.add(row);
    if (row.isEmpty) this.#drop(row);
  }

  #arrangeSources(): void {
    const others = [...this.#known].filter((each) => !this.#order.includes(each)).sort();
    const sources = [...this.#order.filter((each) => this.#known.has(each)), ...others];
    if (sources.join() === this.sources.join()) return;
    this.sources = sources;
    this.#reshape();
  }

  #row(symbol: string): InstrumentRow<Item> {
    let row = this.rows.get(symbol);
    if (row === undefined) {
      row = new InstrumentRow(symbol);
      this.rows.set(symbol, row);
      this.#reshape();
    }
    return row;
  }

  #dropAllBut(items: readonly Item[]): void {
    const kept = new Set(items.map(({ symbol, source }) => `${symbol} ${source.code}`));
    for (const row of [...this.rows.values()]) {
      row.missing.clear();
      for (const source of [...row.quotes.keys()]) if (!kept.has(`${row.symbol} ${source}`)) row.quotes.delete(source);
      this.#dirty.add(row);
      if (row.isEmpty) this.#drop(row);
    }
  }

  #drop(row: InstrumentRow<Item>): void {
    this.rows.delete(row.symbol);
    this.#reshape();
  }

  #reshape(): void {
    this.shape += 1;
  }

  /** Notifies in a frame of the browser: the next one, or that after the turn. A hidden page gets no frames and costs nothing. */
  #tell(): void {
    if (this.#frame !== null) return;
    const waitMs = this.#shapeShown === this.shape ? this.#toldAtMs + this.#turnMs - performance.now() : 0;
    if (waitMs > 0) {
      this.#timer ??= setTimeout(() => this.#awaitFrame(), waitMs);
    } else {
      clearTimeout(this.#timer);
      this.#awaitFrame();
    }
  }

  #awaitFrame(): void {
    this.#timer = undefined;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = null;
      this.#notify();
    });
  }

  #notify(): void {
    this.#toldAtMs = performance.now();
    for (const row of this.#dirty) for (const listener of this.#rowListeners.get(row.symbol) ?? []) listener();
    this.#dirty.clear();
    if (this.#shapeShown === this.shape) return;
    this.#shapeShown = this.shape;
    for (const listener of this.#shapeListeners) listener();
  }
}
