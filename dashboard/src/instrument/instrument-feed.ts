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
import { MarketConsensuses } from "../stores/market-consensuses";
import { MarketStore } from "../stores/market-store";
import { marketSummaries } from "../stores/market-summaries";
import { clock, gateway, health, listenInto, market } from "../stores/session";
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
  /** What the headline needs beside the rates, as in the market table: the consensus of the exchanges, the changes by the history. */
  readonly #exchanges = new MarketConsensuses(gateway, this.store, () => health.exchanges);
  readonly #parts: readonly Pausable[];
  readonly #listeners = new Set<() => void>();
  readonly #symbol: string;
  #hasInherited = false;

  constructor(symbol: string) {
    this.#symbol = symbol;
    const listener = listenInto(this.store);
    this.#rates = new RatesFeed(gateway, OneInstrumentDocument, { symbol }, {
      ...listener,
      onStep: (step, replaces) => {
        this.log.add(step.items);
        listener.onStep(step, replaces);
        this.#inherit();
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
    this.#parts = [this.#rates, this.#exchanges, marketSummaries(gateway.client, this.store)];
  }

  start(): void {
    for (const part of this.#parts) part.start();
    this.#agreed.start();
  }

  pause(): void {
    for (const part of this.#parts) part.pause();
    this.#agreed.stop();
    this.#endConsensus();
  }

  leave(): void {
    for (const part of this.#parts) part.leave();
    this.#agreed.stop();
    this.#endConsensus();
  }

  retryNow(): void {
    for (const part of this.#parts) part.retryNow();
    this.#agreed.retryNow();
  }

  /** Takes over the order of the sources, and which of them are exchanges, once the gateway has told it. */
  orderSources(order: readonly string[]): void {
    this.store.orderSources(order);
    this.#exchanges.follow();
  }

  doubt(): void {
    this.#rates.doubt();
  }

  readonly onConsensus = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** What the table has shown beside the rates is shown until the page's own comes: otherwise another price would lead for a moment. */
  #inherit(): void {
    const [row, known] = [this.store.rows.get(this.#symbol), market.rows.get(this.#symbol)];
    if (this.#hasInherited || row === undefined || known === undefined) return;
    this.#hasInherited = true;
    row.consensus ??= known.consensus;
    row.summary ??= known.summary;
  }

  #agree(consensus: Consensus): void {
    this.consensus = consensus;
    addConsensus(this.trail, consensus, clock.nowMs(Date.now()));
    for (const listener of this.#listeners) listener();
  }

  #endConsensus(): void {
    endConsensus(this.trail, clock.nowMs(Date.now()));
  }
}
