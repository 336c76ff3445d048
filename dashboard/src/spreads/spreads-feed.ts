// The quotes of all pairs, the identity of their assets, and what their currencies are worth in US dollars.
import { SpreadsDocument, type SpreadsSubscriptionVariables } from "../graphql/generated";
import { RatesFeed } from "../live/rates-feed";
import type { Pausable } from "../live/visibility";
import { clock, connection, gateway } from "../stores/session";
import { PairIdentities } from "./pair-identities";
import { QuoteBook, type SpreadRate } from "./quote-book";
import { UsdValues } from "./usd-values";

export class SpreadsFeed implements Pausable {
  readonly book = new QuoteBook();
  readonly identities = new PairIdentities(gateway.client, ({ assets, currencies }) => {
    this.book.assets = assets;
    this.#currencies = currencies;
    this.#followValues();
  });
  readonly #values = new UsdValues(gateway);
  readonly #rates = new RatesFeed<SpreadRate, SpreadsSubscriptionVariables>(gateway, SpreadsDocument, {}, {
    onStep: (step, replaces) => {
      // A new connection may lead to another replica, whose clock is another one.
      if (step.kind === "SNAPSHOT") clock.reset();
      clock.learn(Date.parse(step.sentAt), Date.now());
      this.book.apply(step, replaces);
    },
    onConnection: connection.handle,
  });
  #currencies: ReadonlyMap<string, string> = new Map();
  #isOn = false;

  /** What one unit of a reviewed asset is worth; null without a fresh value. */
  readonly usdValueOf = (currency: string, simulated: boolean) => {
    const code = this.#currencies.get(currency);
    return code === undefined ? null : this.#values.of(code, simulated);
  };

  start(): void {
    this.#isOn = true;
    this.#rates.start();
    this.identities.start();
    this.#followValues();
  }

  pause(): void {
    this.#stop();
    this.#rates.pause();
  }

  leave(): void {
    this.#stop();
    this.#rates.leave();
  }

  retryNow(): void {
    this.#rates.retryNow();
    this.identities.retryNow();
  }

  doubt(): void {
    this.#rates.doubt();
  }

  /** An answer may come after a pause. */
  #followValues(): void {
    if (this.#isOn) this.#values.follow([...this.#currencies.values()]);
  }

  #stop(): void {
    this.#isOn = false;
    this.identities.pause();
    this.#values.stop();
  }
}
