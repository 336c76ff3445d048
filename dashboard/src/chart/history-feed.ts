// The candles of one question: the first page, pages at both ends, and the newest ones by subscription.
import type { Client } from "urql";
import { CandlesDocument, type CandleInterval, type CandlesQueryVariables } from "../graphql/generated";
import type { ServerClock } from "../rates/server-clock";
import { CandleStream } from "./candle-stream";
import { type CandlePage, CandleWindow, type ChartCandle } from "./candle-window";
import { HistoryProblem, problemOf } from "./history-problem";
import { intervalLength } from "./time-frames";

export interface HistoryQuestion {
  symbol: string;
  /** Null: the source that the gateway chooses. */
  source: string | null;
  interval: CandleInterval;
  /** The end of the first page in milliseconds; null for now. */
  until: number | null;
  /** The number of candles of the first page. */
  count: number;
}

export interface HistoryState {
  /** "failed": there are no candles, and `problem` says why; with candles they stay, and it says what is missing. */
  phase: "loading" | "ready" | "empty" | "failed";
  problem: HistoryProblem | null;
  isLoadingMore: boolean;
  /** The source that answers. */
  source: string | null;
}

/** "candles": others are loaded or have changed; "last": only the last one has; "state": only the state has. */
export type HistoryChange = "candles" | "last" | "state";

const PAGE = 300;
/** The gateway refuses operations that cost more than some 600 candles with these fields. */
const MOST = 500;
/** Newest candles that are read again: they may have changed since they closed. */
const UNSETTLED = 3;
/** Without the subscription. */
const SHORTEST_REFRESH_MS = 5_000;
const LONGEST_REFRESH_MS = 60_000;
/** A candle is closed so long after its end. */
const CLOSED_AFTER_MS = 400;
/** Every so many refreshes, candles with gaps are read again: a backfill may have filled them, which the subscription does not tell. */
const REFRESHES_PER_REPAIR = 12;

export class HistoryFeed {
  readonly question: HistoryQuestion;
  readonly window = new CandleWindow();
  readonly #client: Client;
  readonly #clock: ServerClock;
  readonly #onChange: (change: HistoryChange) => void;
  #stream: CandleStream | null = null;
  #isFollowing = false;
  #hasGap = false;
  #state: HistoryState = { phase: "loading", problem: null, isLoadingMore: false, source: null };
  #isStopped = false;
  #isAsking = false;
  #dueAt = 0;
  #failures = 0;
  #refreshes = 0;

  constructor(client: Client, clock: ServerClock, question: HistoryQuestion, onChange: (change: HistoryChange) => void) {
    this.#client = client;
    this.#clock = clock;
    this.question = question;
    this.#onChange = onChange;
  }

  get state(): HistoryState {
    return this.#state;
  }

  get candles(): readonly ChartCandle[] {
    return this.window.items;
  }

  /** Keeps the newest candles up to date by subscription as soon as they are loaded, until `pause`. */
  start(): void {
    this.#isFollowing = true;
    this.#followNewest();
  }

  /** Ends the subscription while the page is hidden; `start` resumes with its cursor. */
  pause(): void {
    this.#isFollowing = false;
    this.#stream?.pause();
  }

  stop(): void {
    this.#isStopped = true;
    this.pause();
  }

  /** Loads, refreshes or retries what is due. To be called every half second. */
  async onSecondHand(isConnected: boolean): Promise<void> {
    if (this.#isStopped || this.#isAsking || Date.now() < this.#dueAt) return;
    if (this.#state.phase !== "ready") await this.#run(() => this.#load());
    else if (isConnected && !this.window.hasLater) await this.#run(() => this.#refresh());
  }

  /** The connection is back, or the viewer asks: what is due later is due now, but not before the gateway expects it. */
  hurry(): void {
    this.#askSoon();
    this.#stream?.retryNow();
  }

  async loadEarlier(): Promise<void> {
    const { cursor, hasEarlier } = this.window;
    if (!hasEarlier || this.#isBusy()) return;
    await this.#runPage(async () => {
      const page = await this.#ask({ before: cursor, last: PAGE });
      this.window.addEarlier(page);
    });
  }

  async loadLater(): Promise<void> {
    const { last, hasLater } = this.window;
    if (!hasLater || last === undefined || this.#isBusy()) return;
    await this.#runPage(async () => {
      const end = Date.parse(last.closeTime) + PAGE * intervalLength(this.question.interval);
      const page = await this.#ask({ from: last.closeTime, to: iso(end), last: MOST });
      this.window.addLater(page, end < this.#nowMs());
    });
  }

  async #load(): Promise<void> {
    const { until, count } = this.question;
    const now = this.#nowMs();
    const end = until !== null && until < now ? until : null;
    let page = await this.#ask({ to: end === null ? null : iso(end), last: Math.min(MOST, count) });
    const isBefore = page.items.length === 0 && page.earliest !== null && end !== null;
    if (isBefore) page = await this.#ask({ last: Math.min(MOST, count) });
    this.#dropStream();
    this.window.open(page, end !== null && !isBefore);
    this.#enter({ phase: page.items.length === 0 ? "empty" : "ready", source: page.source });
  }

  async #refresh(): Promise<void> {
    this.#refreshes += 1;
    const page = await this.#ask({ from: this.#refreshFrom(), last: MOST });
    // More is missing than one page has: the chart begins anew.
    if (page.hasMore || !this.window.replaceNewest(page)) this.#enter({ phase: "loading" });
  }

  #refreshFrom(): string | null {
    const { items } = this.window;
    const recent = items.slice(-UNSETTLED);
    const isRepair = this.#hasGap || this.#stream?.isLive === true || this.#refreshes % REFRESHES_PER_REPAIR === 0;
    this.#hasGap = false;
    const doubtful = isRepair ? items.slice(-PAGE).find(({ coverage }) => coverage === "UNKNOWN" || coverage === "PARTIAL") : undefined;
    return (doubtful ?? recent[0])?.openTime ?? null;
  }

  async #run(work: () => Promise<void>): Promise<void> {
    this.#isAsking = true;
    try {
      await work();
      this.#failures = 0;
      this.#enter({ problem: null });
    } catch (error) {
      this.#failures += 1;
      this.#fail(problemOf(error, this.#failures));
    } finally {
      this.#isAsking = false;
      // After a failure, no earlier than without a gap.
      this.#dueAt = this.#hasGap && this.#state.problem === null ? 0 : this.#nextDue();
    }
    this.#followNewest();
    if (!this.#isStopped) this.#onChange("candles");
  }

  async #runPage(load: () => Promise<void>): Promise<void> {
    this.#isAsking = true;
    this.#enter({ isLoadingMore: true });
    if (!this.#isStopped) this.#onChange("state");
    await this.#run(load);
    this.#enter({ isLoadingMore: false });
    if (!this.#isStopped) this.#onChange("state");
  }

  #fail(problem: HistoryProblem): void {
    const isEmpty = this.window.items.length === 0;
    this.#enter({ phase: isEmpty ? "failed" : "ready", problem });
  }

  #nextDue(): number {
    if (this.#state.problem !== null) return this.#state.problem.againAtMs;
    const now = Date.now();
    if (this.#state.phase === "loading") return now;
    if (this.#stream?.isLive) return now + LONGEST_REFRESH_MS;
    const period = Math.min(LONGEST_REFRESH_MS, Math.max(SHORTEST_REFRESH_MS, intervalLength(this.question.interval) / 60));
    const closing = Date.parse(this.window.last?.closeTime ?? "") + CLOSED_AFTER_MS - this.#nowMs();
    return now + (closing > 0 && closing < period ? closing : period);
  }

  /** Where the gateway has said when to come back, that time stays. */
  #askSoon(): void {
    if (this.#state.problem?.retryAfterMs == null) this.#dueAt = 0;
  }

  #isBusy(): boolean {
    return this.#isStopped || this.#isAsking || this.#state.phase !== "ready" || (this.#failures > 0 && Date.now() < this.#dueAt);
  }

  /** Only while the newest candles are loaded: others would leave a hole. */
  #followNewest(): void {
    const { source, phase } = this.#state;
    const isWanted = this.#isFollowing && !this.#isStopped && phase === "ready" && !this.window.hasLater && source !== null;
    if (!isWanted) {
      if (this.window.hasLater || phase !== "ready") this.#dropStream();
      return;
    }
    const { symbol, interval } = this.question;
    this.#stream ??= new CandleStream(this.#client, { symbol, source, interval }, {
      onCandles: (candles) => this.#merge(candles),
      onGap: () => {
        this.#hasGap = true;
        if (this.#state.problem === null) this.#dueAt = 0;
      },
    });
    this.#stream.start();
  }

  #merge(candles: readonly ChartCandle[]): void {
    const { last } = this.window;
    if (!this.window.merge(candles)) {
      // More was missed than the subscription has: the chart begins anew.
      this.#dropStream();
      this.#enter({ phase: "loading" });
      this.#askSoon();
      this.#onChange("state");
      return;
    }
    const isLastOnly = candles.every(({ openTime }) => openTime === last?.openTime);
    this.#onChange(isLastOnly ? "last" : "candles");
  }

  #dropStream(): void {
    this.#stream?.pause();
    this.#stream = null;
  }

  /** Raises the error of the client, which sets the time limit, or a `HistoryProblem` without candles. */
  async #ask(range: Pick<CandlesQueryVariables, "last" | "from" | "to" | "before">): Promise<CandlePage & { source: string }> {
    const { symbol, source, interval } = this.question;
    const variables = { symbol, source, interval, from: null, to: null, before: null, ...range } as CandlesQueryVariables;
    const answer = await this.#client.query(CandlesDocument, variables).toPromise();
    if (answer.error !== undefined) throw answer.error;
    if (!answer.data?.candles) throw new HistoryProblem("unavailable", "the gateway sent no candles");
    return { ...answer.data.candles, source: answer.data.candles.source.code };
  }

  #nowMs(): number {
    return this.#clock.nowMs(Date.now());
  }

  #enter(change: Partial<HistoryState>): void {
    this.#state = { ...this.#state, ...change };
  }
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
