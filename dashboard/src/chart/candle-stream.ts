// The newest candles of a series by subscription: each one that changes, and what was missed while the connection was lost.
import type { Client } from "urql";
import { type CandleInterval, LiveCandlesDocument, type LiveCandlesSubscription, type LiveCandlesSubscriptionVariables } from "../graphql/generated";
import { KeptSubscription } from "../live/kept-subscription";
import type { ChartCandle } from "./candle-window";

export interface CandleSeries {
  symbol: string;
  /** Null: the source that the gateway chooses. */
  source: string | null;
  interval: CandleInterval;
}

export interface CandleStreamListener {
  /** Candles that are new or have changed, in the order of time. */
  onCandles(candles: readonly ChartCandle[]): void;
  /** Trades may be missing: what was read before has to be read again. */
  onGap(): void;
}

type Step = NonNullable<LiveCandlesSubscription["candles"]>;

/** Closed candles of a first SNAPSHOT: those that may have changed since the page of the history was read. */
const FIRST_CANDLES = 3;

export class CandleStream {
  readonly #listener: CandleStreamListener;
  readonly #kept: KeptSubscription<LiveCandlesSubscription, LiveCandlesSubscriptionVariables>;
  #cursor: string | null = null;
  #isLive = false;

  constructor(client: Client, { symbol, source, interval }: CandleSeries, listener: CandleStreamListener) {
    this.#listener = listener;
    this.#kept = new KeptSubscription(client, LiveCandlesDocument, {
      variables: () => ({ symbol, source, interval, last: FIRST_CANDLES, after: this.#cursor }) as LiveCandlesSubscriptionVariables,
      onData: ({ candles }) => {
        if (candles !== null) this.#receive(candles);
      },
      onLost: (_, refusal) => {
        this.#isLive = false;
        // Another cursor is not to be had; without one the stream begins anew.
        if (refusal?.codes.includes("BAD_USER_INPUT")) this.#cursor = null;
      },
    });
  }

  /** Whether each change arrives; otherwise the newest candles have to be read. */
  get isLive(): boolean {
    return this.#isLive;
  }

  start(): void {
    this.#kept.start();
  }

  /** Ends the subscription; `start` resumes with the cursor of the last event. */
  pause(): void {
    this.#kept.stop();
    this.#isLive = false;
  }

  retryNow(): void {
    this.#kept.retryNow();
  }

  #receive({ kind, items, cursor, recovered }: Step): void {
    if (kind === "GAP") {
      this.#listener.onGap();
      return;
    }
    const isAnew = kind === "SNAPSHOT" && this.#cursor !== null && recovered !== true;
    this.#cursor = cursor;
    this.#isLive = true;
    if (isAnew) this.#listener.onGap();
    if (items.length > 0) this.#listener.onCandles(items);
  }
}
