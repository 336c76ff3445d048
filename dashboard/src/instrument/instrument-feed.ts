// The data of the instrument page: the rates of one symbol, their trail and latest updates, and the consensus.
import {
  ConsensusDocument,
  type ConsensusSubscription,
  type ConsensusSubscriptionVariables,
  OneInstrumentDocument,
  type OneInstrumentSubscriptionVariables,
} from "../graphql/generated";
import { Trail } from "../chart/trail";
import { KeptSubscription } from "../live/kept-subscription";
import { RatesFeed } from "../live/rates-feed";
import type { Pausable } from "../live/visibility";
import { MarketStore } from "../stores/market-store";
import { clock, gateway, listenInto } from "../stores/session";
import { addConsensus, endConsensus } from "./consensus-lines";
import type { Consensus } from "./consensus-state";
import type { InstrumentRate } from "./instrument-rate";
import { UpdateLog } from "./update-log";

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
        this.log.add(step.items);
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

  doubt(): void {
    this.#rates.doubt();
  }

  readonly onConsensus = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #agree(consensus: Consensus): void {
    this.consensus = consensus;
    addConsensus(this.trail, consensus, clock.nowMs(Date.now()));
    for (const listener of this.#listeners) listener();
  }

  #endConsensus(): void {
    endConsensus(this.trail, clock.nowMs(Date.now()));
  }
}
