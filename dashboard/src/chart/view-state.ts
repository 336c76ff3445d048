// What the components read of a view of the history, and how they are told of changes.
import type { TimeFrame } from "../browser/chart-address";
import type { CandleInterval } from "../graphql/generated";
import type { ChartCandle } from "./candle-window";
import type { Overlay } from "./chart-overlays";
import type { HistoryState } from "./history-feed";
import type { HistoryProblem } from "./history-problem";
import type { IndexRange } from "./view-range";

export interface ViewState extends HistoryState {
  frame: TimeFrame;
  interval: CandleInterval;
  candles: readonly ChartCandle[];
  /** Candles in view, by index. */
  visible: IndexRange;
  /** The beginning of the candle that the viewer points at; null for none. */
  pointed: string | null;
  /** The candle that the keys have reached, for screen readers. That of a pointer is not spoken. */
  spoken: string;
  isAtNow: boolean;
  /** Further lines. */
  overlays: readonly Overlay[];
  /** The distance between the sources in a candle; null if it is not drawn. */
  spreadAt: ((openTime: string) => { bps: number; sources: number } | null) | null;
  spreadProblem: HistoryProblem | null;
}

export const FIRST_STATE: ViewState = {
  phase: "loading",
  problem: null,
  isLoadingMore: false,
  source: null,
  frame: "1d",
  interval: "M5",
  candles: [],
  visible: { from: 0, to: 0 },
  pointed: null,
  spoken: "",
  isAtNow: true,
  overlays: [],
  spreadAt: null,
  spreadProblem: null,
};

/** Holds the state, and tells its listeners. */
export class ViewStore {
  #state = FIRST_STATE;
  #frameRequest: number | null = null;
  readonly #listeners = new Set<() => void>();

  readonly read = (): ViewState => this.#state;

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  tell(change: Partial<ViewState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }

  /** Tells once per frame of the browser. */
  tellSoon(change: Partial<ViewState>): void {
    this.#state = { ...this.#state, ...change };
    this.#frameRequest ??= requestAnimationFrame(() => {
      this.#frameRequest = null;
      for (const listener of this.#listeners) listener();
    });
  }

  stop(): void {
    if (this.#frameRequest !== null) cancelAnimationFrame(this.#frameRequest);
    this.#frameRequest = null;
  }
}
