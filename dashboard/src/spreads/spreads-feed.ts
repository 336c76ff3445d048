// The quotes of all pairs, the identity of their assets, and what their currencies are worth in US dollars.
import { IdentitiesDocument, SpreadsDocument, type SpreadsSubscriptionVariables } from "../graphql/generated";
import { RatesFeed } from "../live/rates-feed";
import type { Pausable } from "../live/visibility";
import { clock, connection, gateway } from "../stores/session";
import { keyOf, type PairAssets, QuoteBook, type SpreadRate } from "./quote-book";
import { UsdValues } from "./usd-values";

/** 200 instruments each. */
const MOST_PAGES = 50;
/** Operators review assets while the page is open. */
const RENEW_MS = 300_000;
const RETRY_MS = 5_000;

interface Identities {
  assets: ReadonlyMap<string, PairAssets>;
  /** The codes of the currencies, by reviewed asset. */
  currencies: ReadonlyMap<string, string>;
}

export class SpreadsFeed implements Pausable {
  readonly book = new QuoteBook();
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
  #timer: number | undefined;
  #isOn = false;

  /** What one unit of a reviewed asset is worth; null without a fresh value. */
  readonly usdValueOf = (currency: string, simulated: boolean) => {
    const code = this.#currencies.get(currency);
    return code === undefined ? null : this.#values.of(code, simulated);
  };

  start(): void {
    this.#rates.start();
    this.#values.follow([...this.#currencies.values()]);
    void this.#identify();
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
  }

  doubt(): void {
    this.#rates.doubt();
  }

  #stop(): void {
    window.clearTimeout(this.#timer);
    this.#isOn = false;
    this.#values.stop();
  }

  async #identify(): Promise<void> {
    window.clearTimeout(this.#timer);
    this.#isOn = true;
    const found = await loadIdentities();
    if (found !== null) {
      this.book.assets = found.assets;
      this.#currencies = found.currencies;
    }
    if (!this.#isOn) return;
    this.#values.follow([...this.#currencies.values()]);
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#identify(), found === null ? RETRY_MS : RENEW_MS);
  }
}

/** Null if a page could not be read. */
async function loadIdentities(): Promise<Identities | null> {
  const [assets, currencies] = [new Map<string, PairAssets>(), new Map<string, string>()];
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const { data } = await gateway.client.query(IdentitiesDocument, { after }).toPromise();
    if (!data?.instruments) return null;
    for (const { symbol, source, baseAsset, quoteAsset } of data.instruments.nodes) {
      if (baseAsset === null || quoteAsset === null) continue;
      assets.set(keyOf(symbol, source.code), { base: baseAsset.id, quote: quoteAsset.id });
      currencies.set(quoteAsset.id, symbol.split("/")[1] ?? "");
    }
    after = data.instruments.pageInfo.endCursor;
    if (!data.instruments.pageInfo.hasNextPage) break;
  }
  return { assets, currencies };
}
