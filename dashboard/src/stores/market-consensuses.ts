// The consensus of the exchanges of each instrument that several of them publish, live.
import type { Gateway } from "../graphql/gateway";
import {
  type MarketConsensusesSubscription,
  type MarketConsensusesSubscriptionVariables,
  MarketConsensusesDocument,
  type MarketRateFragment,
  type SourceId,
} from "../graphql/generated";
import { KeptSubscription } from "../live/kept-subscription";
import type { Pausable } from "../live/visibility";
import type { MarketStore } from "./market-store";

/** One subscription has so many at most: the gateway limits the cost of one. */
const MOST_SYMBOLS = 64;
/** Instruments arrive in several events at the start. */
const SETTLE_MS = 300;

type Kept = KeptSubscription<MarketConsensusesSubscription, MarketConsensusesSubscriptionVariables>;

export class MarketConsensuses implements Pausable {
  readonly #gateway: Gateway;
  readonly #market: MarketStore<MarketRateFragment>;
  readonly #exchanges: () => readonly string[];
  #kept: Kept[] = [];
  #asked = "";
  #isOn = false;
  #timer: number | undefined;

  /** `exchanges` returns the sources that are markets of their own; none while that is not known. */
  constructor(gateway: Gateway, market: MarketStore<MarketRateFragment>, exchanges: () => readonly string[]) {
    this.#gateway = gateway;
    this.#market = market;
    this.#exchanges = exchanges;
    market.onShape(() => this.follow());
  }

  start(): void {
    this.#isOn = true;
    this.follow();
  }

  pause(): void {
    this.#isOn = false;
    window.clearTimeout(this.#timer);
    this.#stop();
  }

  leave(): void {
    this.pause();
  }

  retryNow(): void {
    for (const kept of this.#kept) kept.retryNow();
  }

  /** Asks again where the instruments or the exchanges are others. */
  follow(): void {
    window.clearTimeout(this.#timer);
    if (this.#isOn) this.#timer = window.setTimeout(() => this.#ask(), SETTLE_MS);
  }

  #ask(): void {
    const sources = this.#exchanges() as SourceId[];
    if (sources.length === 0) return;
    const symbols = this.#listWanted(sources);
    const asked = `${sources.join()} ${symbols.join()}`;
    if (asked !== this.#asked) {
      this.#stop();
      this.#asked = asked;
      for (let first = 0; first < symbols.length; first += MOST_SYMBOLS) this.#keep({ symbols: symbols.slice(first, first + MOST_SYMBOLS), sources });
    }
    const wanted = new Set(symbols);
    for (const row of this.#market.rows.values()) if (!wanted.has(row.symbol)) row.isConsensusKnown = true;
  }

  #listWanted(sources: readonly string[]): string[] {
    const wanted: string[] = [];
    for (const row of this.#market.rows.values()) {
      const count = sources.filter((source) => row.quotes.has(source) || row.missing.has(source)).length;
      if (count > 1) wanted.push(row.symbol);
    }
    return wanted.sort();
  }

  #keep(variables: { symbols: string[]; sources: SourceId[] }): void {
    const kept: Kept = new KeptSubscription<MarketConsensusesSubscription, MarketConsensusesSubscriptionVariables>(this.#gateway.client, MarketConsensusesDocument, {
      variables: () => variables,
      onData: ({ consensusRates }) => {
        for (const item of consensusRates?.items ?? []) {
          this.#market.change(item.symbol, (row) => row.agree(item));
        }
        for (const { symbol } of consensusRates?.unavailable ?? []) {
          this.#market.change(symbol, (row) => row.agree(null));
        }
      },
      // What was agreed ages, as the rates do. A gateway that refuses gives none, and the rows do without.
      onLost: (_, refusal) => {
        for (const symbol of variables.symbols) {
          const row = this.#market.rows.get(symbol);
          if (row !== undefined) row.isConsensusKnown = refusal !== null;
        }
      },
    });
    this.#kept.push(kept);
    kept.start();
  }

  #stop(): void {
    for (const kept of this.#kept) kept.stop();
    this.#kept = [];
    this.#asked = "";
    // After a pause the rates come first again, and what leads a row until the consensus follows has not led it.
    for (const row of this.#market.rows.values()) row.isConsensusKnown = false;
  }
}
