// The further lines of a chart, all on the candles of its own: the consensus, a second instrument, the distance between the sources.
import type { Client } from "urql";
import type { ChartAddress } from "../browser/chart-address";
import type { CandleInterval } from "../graphql/generated";
import { spreadBps } from "../rates/spread";
import { CandleStream } from "./candle-stream";
import type { ChartCandle } from "./candle-window";
import { type HistoryProblem, problemOf } from "./history-problem";
import { type OverlayCandle, OverlayFeed } from "./overlay-feed";
import { CLOSES_PAGE, CONSENSUS_PAGE, loadCloses, loadComparable, loadConsensus } from "./overlay-queries";

/** A further line, as it is now. */
export interface Overlay {
  key: "consensus" | "compare";
  /** The symbol of a second instrument. */
  symbol: string;
  /** The source of its candles; null for the consensus, and until it is known. */
  source: string | null;
  candles: ReadonlyMap<string, OverlayCandle>;
  problem: HistoryProblem | null;
}

interface Compared {
  symbol: string;
  source: string | null;
  feed: OverlayFeed;
  stream: CandleStream | null;
}

type Wanted = Pick<ChartAddress, "consensus" | "compare" | "spread">;

const REFRESH_MS = 5_000;
/** One question for each source. */
const SPREAD_REFRESH_MS = 20_000;
const STREAM_REFRESH_MS = 60_000;

export class ChartOverlays {
  readonly #client: Client;
  readonly #symbol: string;
  readonly #onChange: () => void;
  #interval: CandleInterval | null = null;
  #consensus: OverlayFeed | null = null;
  #compared: Compared | null = null;
  /** By source; empty until it is known which ones mean the same. */
  #closes: Map<string, OverlayFeed> | null = null;
  #closesProblem: HistoryProblem | null = null;
  #closesFailures = 0;
  #isActive = false;

  constructor(client: Client, symbol: string, onChange: () => void) {
    this.#client = client;
    this.#symbol = symbol;
    this.#onChange = onChange;
  }

  /** Begins and ends lines as the address asks for; all of them anew for another interval. */
  follow(wanted: Wanted, interval: CandleInterval): void {
    if (interval !== this.#interval) this.stop();
    this.#interval = interval;
    if (wanted.consensus !== (this.#consensus !== null)) this.#turnConsensus(interval);
    if (wanted.compare !== (this.#compared?.symbol ?? null)) this.#compareWith(wanted.compare, interval);
    if (wanted.spread !== (this.#closes !== null)) void this.#turnSpread(interval);
    this.#onChange();
  }

  start(): void {
    this.#isActive = true;
    this.#compared?.stream?.start();
  }

  pause(): void {
    this.#isActive = false;
    this.#compared?.stream?.pause();
  }

  stop(): void {
    this.#consensus?.stop();
    this.#compared?.feed.stop();
    this.#compared?.stream?.pause();
    for (const feed of this.#closes?.values() ?? []) feed.stop();
    this.#consensus = this.#compared = this.#closes = null;
  }

  /** Loads what the lines lack. To be called every half second. */
  onSecondHand(main: readonly ChartCandle[], isAtNow: boolean): void {
    const feeds = [this.#consensus, this.#compared?.feed, ...(this.#closes?.values() ?? [])];
    for (const feed of feeds) void feed?.cover(main, isAtNow);
    const isDue = this.#closesProblem !== null && Date.now() >= this.#closesProblem.againAtMs;
    if (isDue && this.#closes !== null && this.#interval !== null) void this.#findComparable(this.#closes, this.#interval);
  }

  get lines(): readonly Overlay[] {
    const [consensus, compared] = [this.#consensus, this.#compared];
    const lines: Overlay[] = [];
    if (consensus !== null) lines.push({ key: "consensus", symbol: this.#symbol, source: null, candles: consensus.candles, problem: consensus.problem });
    if (compared !== null) lines.push({ key: "compare", symbol: compared.symbol, source: compared.source, candles: compared.feed.candles, problem: compared.feed.problem });
    return lines;
  }

  /** The distance between the closes of the sources in a candle; null where fewer than two have one. */
  readonly spreadAt = (openTime: string): { bps: number; sources: number } | null => {
    const closes = [...(this.#closes?.values() ?? [])].flatMap(({ candles }) => candles.get(openTime)?.close ?? []);
    const bps = spreadBps(closes);
    return bps === null ? null : { bps, sources: closes.length };
  };

  get hasSpread(): boolean {
    return this.#closes !== null;
  }

  /** Why the distance cannot be drawn. */
  get spreadProblem(): HistoryProblem | null {
    return this.#closesProblem ?? [...(this.#closes?.values() ?? [])].find(({ problem }) => problem !== null)?.problem ?? null;
  }

  #turnConsensus(interval: CandleInterval): void {
    this.#consensus?.stop();
    if (this.#consensus !== null) {
      this.#consensus = null;
      return;
    }
    const series = { symbol: this.#symbol, interval };
    this.#consensus = new OverlayFeed({
      interval,
      page: CONSENSUS_PAGE,
      shortestRefreshMs: REFRESH_MS,
      load: (range) => loadConsensus(this.#client, series, range),
      onChange: this.#onChange,
    });
  }

  #compareWith(symbol: string | null, interval: CandleInterval): void {
    this.#compared?.feed.stop();
    this.#compared?.stream?.pause();
    this.#compared = null;
    if (symbol === null) return;
    const feed = new OverlayFeed({
      interval,
      page: CLOSES_PAGE,
      shortestRefreshMs: STREAM_REFRESH_MS,
      load: async (range) => {
        const { source, items } = await loadCloses(this.#client, { symbol, source: compared.source, interval }, range);
        this.#streamFor(compared, source, interval);
        return items;
      },
      onChange: this.#onChange,
    });
    const compared: Compared = { symbol, source: null, feed, stream: null };
    this.#compared = compared;
  }

  #streamFor(compared: Compared, source: string, interval: CandleInterval): void {
    if (compared !== this.#compared || compared.stream !== null) return;
    const { symbol, feed } = compared;
    compared.source = source;
    // A gap is read again with the newest candles, within a minute.
    compared.stream = new CandleStream(this.#client, { symbol, source, interval }, { onCandles: (candles) => feed.put(candles), onGap: () => undefined });
    if (this.#isActive) compared.stream.start();
  }

  async #turnSpread(interval: CandleInterval): Promise<void> {
    for (const feed of this.#closes?.values() ?? []) feed.stop();
    this.#closesProblem = null;
    this.#closesFailures = 0;
    if (this.#closes !== null) {
      this.#closes = null;
      return;
    }
    this.#closes = new Map<string, OverlayFeed>();
    await this.#findComparable(this.#closes, interval);
  }

  /** Begins a line for each source that means the same, in `closes`. */
  async #findComparable(closes: Map<string, OverlayFeed>, interval: CandleInterval): Promise<void> {
    this.#closesProblem = null;
    try {
      for (const source of await loadComparable(this.#client, this.#symbol)) {
        const series = { symbol: this.#symbol, source, interval };
        const load = async (range: Parameters<typeof loadCloses>[2]) => (await loadCloses(this.#client, series, range)).items;
        closes.set(source, new OverlayFeed({ interval, page: CLOSES_PAGE, shortestRefreshMs: SPREAD_REFRESH_MS, load, onChange: this.#onChange }));
      }
    } catch (error) {
      if (this.#closes === closes) this.#closesProblem = problemOf(error, ++this.#closesFailures);
    }
    this.#onChange();
  }
}
