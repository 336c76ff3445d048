// What one unit of each currency is worth in US dollars, live, for quotes of one asset in several currencies.
import type { Gateway } from "../graphql/gateway";
import { type UsdValuesSubscription, type UsdValuesSubscriptionVariables, UsdValuesDocument } from "../graphql/generated";
import { KeptSubscription } from "../live/kept-subscription";
import type { UsdValue } from "./best-quotes";

const USD = "USD";
/** The gateway limits the cost of one subscription. */
const MOST_ASSETS = 30;

/** By code. Only fresh values are kept: without one, prices in a currency are compared with each other only. */
export class UsdValues {
  readonly #gateway: Gateway;
  readonly #values = new Map<string, UsdValue>();
  #kept: KeptSubscription<UsdValuesSubscription, UsdValuesSubscriptionVariables> | null = null;
  #codes = "";

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  /** Follows these currencies instead of those before. */
  follow(codes: readonly string[]): void {
    const wanted = [...new Set(codes)].filter((code) => code !== USD).sort().slice(0, MOST_ASSETS);
    if (wanted.join() === this.#codes) return;
    this.stop();
    this.#codes = wanted.join();
    if (wanted.length === 0) return;
    const input = wanted.map((from) => ({ amount: "1", from, to: USD }));
    this.#kept = new KeptSubscription<UsdValuesSubscription, UsdValuesSubscriptionVariables>(this.#gateway.client, UsdValuesDocument, {
      variables: () => ({ input }),
      onData: ({ conversions }) => {
        if (conversions !== null) this.#receive(conversions);
      },
      // The feed of the quotes reports lost connections. What was known ages unseen, so it is forgotten.
      onLost: () => this.#values.clear(),
    });
    this.#kept.start();
  }

  stop(): void {
    this.#kept?.stop();
    this.#kept = null;
    this.#codes = "";
    this.#values.clear();
  }

  /** Null without a fresh value. A dollar is a dollar; live prices are never valued by simulated ones. */
  of(code: string, simulated: boolean): UsdValue | null {
    if (code === USD) return { rate: 1, observedAtMs: Number.POSITIVE_INFINITY, simulated };
    const value = this.#values.get(code);
    return value === undefined || (value.simulated && !simulated) ? null : value;
  }

  #receive({ items, unavailable }: NonNullable<UsdValuesSubscription["conversions"]>): void {
    for (const { from, rate, observedAt, freshness, simulated } of items) {
      if (freshness === "FRESH" && observedAt !== null) this.#values.set(from, { rate: Number(rate), observedAtMs: Date.parse(observedAt), simulated });
      else this.#values.delete(from);
    }
    for (const { from } of unavailable) this.#values.delete(from);
  }
}
