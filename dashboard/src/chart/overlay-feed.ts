// The closing prices of a further line, for the candles that the chart has loaded.
import type { CandleCoverage, CandleInterval } from "../graphql/generated";
import type { ChartCandle } from "./candle-window";
import { type HistoryProblem, problemOf } from "./history-problem";
import { intervalLength } from "./time-frames";

export interface OverlayCandle {
  openTime: string;
  close: string | null;
  coverage: CandleCoverage;
  /** The number of sources whose trades are part of a consensus. */
  contributorCount?: number;
}

export interface OverlayRange {
  from: string;
  /** Null: up to now. */
  to: string | null;
  last: number;
}

export interface OverlayOptions {
  interval: CandleInterval;
  /** The most candles of one answer. */
  page: number;
  /** The shortest time after which the newest candles are read again. */
  shortestRefreshMs: number;
  /** Raises a `HistoryProblem` or an error of the client. */
  load(range: OverlayRange): Promise<readonly OverlayCandle[]>;
  onChange(): void;
}

/** Newest candles that are read again: they may have changed. */
const UNSETTLED = 3;
const LONGEST_REFRESH_MS = 60_000;
/** Beyond that, candles which the chart no longer has are forgotten. */
const MOST_CANDLES = 8_000;

export class OverlayFeed {
  /** By the beginning of each candle. */
  candles: ReadonlyMap<string, OverlayCandle> = new Map();
  /** Why there are none, or why some are missing. */
  problem: HistoryProblem | null = null;
  readonly #options: OverlayOptions;
  /** What is loaded, in milliseconds; the end belongs to the next candle. */
  #covered: { from: number; to: number } | null = null;
  #isAsking = false;
  #isStopped = false;
  #failures = 0;
  #dueAt = 0;
  #refreshAt = 0;

  constructor(options: OverlayOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Takes newer states from a subscription. */
  put(candles: readonly OverlayCandle[]): void {
    this.#add(candles);
    this.#options.onChange();
  }

  /** Loads the next part that is missing of the time of `main`, or reads the newest candles again. To be called every half second. */
  async cover(main: readonly ChartCandle[], isAtNow: boolean): Promise<void> {
    if (this.#isStopped || this.#isAsking || Date.now() < this.#dueAt) return;
    const missing = this.#missingOf(main) ?? (isAtNow && Date.now() >= this.#refreshAt ? newest(main) : null);
    if (missing === null) return;
    this.#isAsking = true;
    try {
      const { from, to, last } = missing;
      const loaded = await this.#options.load({ from: iso(from), to: iso(to), last });
      if (this.#covered === null || to < this.#covered.from || from > this.#covered.to) this.#covered = { from, to };
      else this.#covered = { from: Math.min(from, this.#covered.from), to: Math.max(to, this.#covered.to) };
      this.#forget(main);
      this.#add(loaded);
      this.problem = null;
      this.#failures = 0;
      this.#dueAt = 0;
    } catch (error) {
      this.#failures += 1;
      this.problem = problemOf(error, this.#failures);
      this.#dueAt = this.problem.againAtMs;
    } finally {
      this.#isAsking = false;
      const period = Math.max(this.#options.shortestRefreshMs, intervalLength(this.#options.interval) / 60);
      this.#refreshAt = Date.now() + Math.min(LONGEST_REFRESH_MS, period);
    }
    if (!this.#isStopped) this.#options.onChange();
  }

  #missingOf(main: readonly ChartCandle[]): Span | null {
    const [first, last] = [main[0], main.at(-1)];
    if (first === undefined || last === undefined) return null;
    const { page } = this.#options;
    const [start, end] = [Date.parse(first.openTime), Date.parse(last.closeTime)];
    const covered = this.#covered;
    if (covered === null || end <= covered.from || start >= covered.to) return span(main, main.length - page, main.length);
    const times = main.map(({ openTime }) => Date.parse(openTime));
    if (end > covered.to) {
      // The candles before may have closed since.
      const at = times.findIndex((time) => time >= covered.to);
      return span(main, at - UNSETTLED, at - UNSETTLED + page);
    }
    if (start >= covered.from) return null;
    const at = times.findIndex((time) => time >= covered.from);
    return span(main, at - page, at);
  }

  #add(candles: readonly OverlayCandle[]): void {
    const changed = new Map(this.candles);
    for (const candle of candles) changed.set(candle.openTime, candle);
    this.candles = changed;
  }

  #forget(main: readonly ChartCandle[]): void {
    if (this.candles.size <= MOST_CANDLES) return;
    const kept = new Set(main.map(({ openTime }) => openTime));
    this.candles = new Map([...this.candles].filter(([openTime]) => kept.has(openTime)));
    const [first, last] = [main[0], main.at(-1)];
    if (this.#covered === null || first === undefined || last === undefined) return;
    this.#covered = { from: Math.max(this.#covered.from, Date.parse(first.openTime)), to: Math.min(this.#covered.to, Date.parse(last.closeTime)) };
  }
}

interface Span {
  from: number;
  to: number;
  last: number;
}

/** The time of the candles from `first` to just before `end`, by index. */
function span(main: readonly ChartCandle[], first: number, end: number): Span {
  const [from, to] = [Math.max(0, first), Math.min(main.length, end)];
  return { from: Date.parse(main[from]?.openTime ?? ""), to: Date.parse(main[to - 1]?.closeTime ?? ""), last: to - from };
}

function newest(main: readonly ChartCandle[]): Span | null {
  return main.length === 0 ? null : span(main, main.length - UNSETTLED, main.length);
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
