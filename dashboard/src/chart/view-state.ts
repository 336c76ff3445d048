// What the components read of a view of the history.
import type { TimeFrame } from "../browser/chart-address";
import type { CandleInterval } from "../graphql/generated";
import type { ChartCandle } from "./candle-window";
import type { HistoryState } from "./history-feed";
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
};
