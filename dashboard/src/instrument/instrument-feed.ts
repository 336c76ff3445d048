// The data of the instrument page: the rates of one symbol, their trail and latest updates, and the consensus.
import {
  ConsensusDocument,
  type ConsensusSubscription,
  type ConsensusSubscriptionVariables,
  OneInstrumentDocument,
  type OneInstrumentSubscriptionVariables,
} from "../graphql/generated";
import { KeptSubscription } from "../live/kept-subscription";
import { RatesFeed, type RatesStep } from "../live/rates-feed";
import type { Pausable } from "../live/visibility";
import { MarketStore } from "../stores/market-store";
import { clock, gateway, listenInto } from "../stores/session";
import type { InstrumentRate } from "./instrument-rate";
import { Trail } from "./trail";
import { UpdateLog } from "./update-log";

export type Consensus = NonNullable<ConsensusSubscription["consensusRate"]>;

/** Key of the consensus line of the chart. */
export const CONSENSUS_LINE = "CONSENSUS";

export class InstrumentFeed implements Pausable {
  readonly store = new MarketStore<InstrumentRate>(clock);
  readonly trail = new Trail();
  readonly log = new UpdateLog();
  consensus: Consensus | null = null;
  readonly #rates: RatesFeed<InstrumentRate, OneInstrumentSubscriptionVariables>;
  readonly #agreed: KeptSubscription<ConsensusSubscription, ConsensusSubscriptionVariables>;
  readonly #listeners = new Set<() => void>();

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
      onLost: () => undefined,
    });
  }

  start(): void {
    this.#rates.start();
    this.#agreed.start();
  }

  pause(): void {
    this.#rates.pause();
    this.#agreed.stop();
  }

  leave(): void {
    this.#rates.leave();
    this.#agreed.stop();
  }

  retryNow(): void {
    this.#rates.retryNow();
    this.#agreed.retryNow();
  }

  readonly onConsensus = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #note({ items }: RatesStep<InstrumentRate>): void {
    this.log.add(items);
    for (const { source, observedAt, price } of items) this.trail.add(source.code, Date.parse(observedAt), price);
  }

  #agree(consensus: Consensus): void {
    this.consensus = consensus;
    // Drawn at the time of the answer: its oldest part may be minutes old while others change. One source is no consensus.
    if (consensus.price !== null && consensus.quality !== "SINGLE_SOURCE") this.trail.add(CONSENSUS_LINE, clock.nowMs(Date.now()), consensus.price);
    for (const listener of this.#listeners) listener();
  }
}
