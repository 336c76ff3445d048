// The last trades of one source by subscription, without a hole, and what was missed while the connection was lost.
import type { Client } from "urql";
import { LiveTradesDocument, type LiveTradesSubscription, type LiveTradesSubscriptionVariables } from "../graphql/generated";
import { KeptSubscription, type Refusal } from "../live/kept-subscription";
import type { Pausable } from "../live/visibility";

type Step = NonNullable<LiveTradesSubscription["trades"]>;
export type LiveTrade = Step["items"][number];

export interface TradesState {
  /** The newest first. */
  trades: readonly LiveTrade[];
  /** Whether the first answer has come. */
  isLoaded: boolean;
  /** Why the gateway gives none, for people. */
  problem: string | null;
}

export const MOST_TRADES = 50;
const NONE: TradesState = { trades: [], isLoaded: false, problem: null };

export class TradesFeed implements Pausable {
  readonly #kept: KeptSubscription<LiveTradesSubscription, LiveTradesSubscriptionVariables>;
  readonly #listeners = new Set<() => void>();
  #cursor: string | null = null;
  #state = NONE;

  constructor(client: Client, symbol: string, source: string) {
    this.#kept = new KeptSubscription(client, LiveTradesDocument, {
      variables: () => ({ symbol, source, last: MOST_TRADES, after: this.#cursor }) as LiveTradesSubscriptionVariables,
      onData: ({ trades }) => {
        if (trades !== null) this.#tell(addTrades(this.#state, trades, this.#note(trades)));
      },
      onLost: (_, refusal) => this.#lose(refusal),
    });
  }

  readonly read = (): TradesState => this.#state;

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  start(): void {
    this.#kept.start();
  }

  pause(): void {
    this.#kept.stop();
  }

  leave(): void {
    this.pause();
  }

  retryNow(): void {
    this.#kept.retryNow();
  }

  /** Returns whether the trades follow those that are known. */
  #note({ kind, cursor, recovered }: Step): boolean {
    const follows = kind !== "SNAPSHOT" || recovered === true;
    if (kind !== "GAP") this.#cursor = cursor;
    return follows;
  }

  #lose(refusal: Refusal | null): void {
    if (refusal?.codes.includes("BAD_USER_INPUT")) this.#cursor = null;
    this.#tell({ ...this.#state, problem: refusal?.message ?? null });
  }

  #tell(state: TradesState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

/** The state after one event. `follows`: its trades follow those that are known. */
export function addTrades(state: TradesState, { kind, items }: Pick<Step, "kind" | "items">, follows: boolean): TradesState {
  // A SNAPSHOT follows a GAP.
  if (kind === "GAP" || (kind === "HEARTBEAT" && state.isLoaded && state.problem === null)) return state;
  const known = follows ? state.trades : [];
  return { trades: [...items.toReversed(), ...known].slice(0, MOST_TRADES), isLoaded: true, problem: null };
}
