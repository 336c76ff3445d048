// The data of the instrument page: the rates of one symbol, their trail and latest updates, and the consensus.
import {
  ConsensusDocument,
  type ConsensusSubscription,
  type ConsensusSubscriptionVariables,
  OneInstrumentDocument,
  type OneInstrumentSubscriptionVariables,
} from "../graphql/generated";
import type { LivePrice } from "../chart/live-price";
import { CONSENSUS_LINE, Trail } from "../chart/trail";
import { KeptSubscription } from "../live/kept-subscription";
import { RatesFeed, type RatesStep } from "../live/rates-feed";
import type { Pausable } from "../live/visibility";
import { MarketStore } from "../stores/market-store";
import { clock, gateway, listenInto } from "../stores/session";
import type { InstrumentRate } from "./instrument-rate";
import { UpdateLog } from "./update-log";

export type Consensus = NonNullable<ConsensusSubscription["consensusRate"]>;

export class InstrumentFeed implements Pausable {
  readonly store = new MarketStore<InstrumentRate>(clock);
  readonly trail = new Trail();
  readonly log = new UpdateLog();
  consensus: Consensus | null = null;
  readonly #rates: RatesFeed<InstrumentRate, OneInstrumentSubscriptionVariables>;
  readonly #agreed: KeptSubscription<ConsensusSubscription, ConsensusSubscriptionVariables>;
  readonly #listeners = new Set<() => void>();
  readonly #priceListeners = new Set<(price: LivePrice) => void>();

  constructor(symbol: string) {
    const listener = listenInto(this.store);
    this.#rates = new RatesFeed(gateway, OneInstrumentDocument, { symbol }, {
      ...listener,
      onStep: (step, replaces) => {
        this.#note(step);
        listener.onStep(step, replaces);
      },
    });
    this.#agreed = new KeptSubscription(gateway.client, ConsensusDocument, {
      variables: () => ({ symbol }),
      onData: ({ consensusRate }) => {
        if (consensusRate !== null) this.#agree(consensusRate);
      },
      // The feed of rates reports lost connections and errors of the gateway.
      onLost: () => this.#endConsensus(),
    });
  }

  start(): void {
    this.#rates.start();
    this.#agreed.start();
  }

  pause(): void {
    this.#rates.pause();
    this.#agreed.stop();
    this.#endConsensus();
  }

  leave(): void {
    this.#rates.leave();
    this.#agreed.stop();
    this.#endConsensus();
  }

  retryNow(): void {
    this.#rates.retryNow();
    this.#agreed.retryNow();
  }

  readonly onConsensus = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Calls `listener` with the price of each rate whose trade has a time. */
  readonly onPrice = (listener: (price: LivePrice) => void): (() => void) => {
    this.#priceListeners.add(listener);
    return () => this.#priceListeners.delete(listener);
  };

  #note({ items }: RatesStep<InstrumentRate>): void {
    this.log.add(items);
    for (const { source, observedAt, receivedAt, price, ttlMs, lastTradeAt } of items) {
      this.trail.add(source.code, Date.parse(receivedAt), price, Date.parse(observedAt) + ttlMs);
      if (lastTradeAt === null) continue;
      for (const listener of this.#priceListeners) listener({ source: source.code, price, tradedAtMs: Date.parse(lastTradeAt) });
    }
  }

  #agree(consensus: Consensus): void {
    this.consensus = consensus;
    // One source is no consensus. It is valid until the gateway sends another one.
    if (consensus.price === null || consensus.quality === "SINGLE_SOURCE") this.#endConsensus();
    else this.trail.add(CONSENSUS_LINE, clock.nowMs(Date.now()), consensus.price, Number.POSITIVE_INFINITY);
    for (const listener of this.#listeners) listener();
  }

  #endConsensus(): void {
    this.trail.end(CONSENSUS_LINE, clock.nowMs(Date.now()));
  }
}
