// A faster subscription for the instruments in view. All others change as often as the table is sorted.
import type { Gateway } from "../graphql/gateway";
import { InViewDocument, type InViewSubscription, type InViewSubscriptionVariables, type MarketRateFragment } from "../graphql/generated";
import { KeptSubscription } from "../live/kept-subscription";
import type { Pausable } from "../live/visibility";
import type { MarketStore } from "./market-store";

/** Scrolling passes rows that nobody reads. */
const SETTLE_MS = 250;

export class RatesInView implements Pausable {
  readonly #gateway: Gateway;
  readonly #market: MarketStore<MarketRateFragment>;
  #kept: KeptSubscription<InViewSubscription, InViewSubscriptionVariables> | null = null;
  #symbols: readonly string[] = [];
  #asked = "";
  #isOn = false;
  #timer: number | undefined;

  constructor(gateway: Gateway, market: MarketStore<MarketRateFragment>) {
    this.#gateway = gateway;
    this.#market = market;
  }

  /** The instruments that are in view now, in any order. */
  show(symbols: readonly string[]): void {
    this.#symbols = symbols;
    this.#follow();
  }

  start(): void {
    this.#isOn = true;
    this.#follow();
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
    this.#kept?.retryNow();
  }

  #follow(): void {
    window.clearTimeout(this.#timer);
    if (this.#isOn) this.#timer = window.setTimeout(() => this.#ask(), SETTLE_MS);
  }

  #ask(): void {
    const symbols = [...this.#symbols].sort();
    const asked = symbols.join();
    if (asked === this.#asked) return;
    this.#stop();
    this.#asked = asked;
    if (symbols.length === 0) return;
    this.#kept = new KeptSubscription<InViewSubscription, InViewSubscriptionVariables>(this.#gateway.client, InViewDocument, {
      variables: () => ({ symbols }),
      onData: ({ rates }) => {
        if (rates !== null) this.#market.refresh(rates.items);
      },
      // The feed of the market reports lost connections and errors of the gateway.
      onLost: () => undefined,
    });
    this.#kept.start();
  }

  #stop(): void {
    this.#kept?.stop();
    this.#kept = null;
    this.#asked = "";
  }
}
