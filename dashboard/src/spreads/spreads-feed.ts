// The quotes of all instruments, and the identity of their assets.
import { IdentitiesDocument, type SpreadsSubscription, SpreadsDocument, type SpreadsSubscriptionVariables } from "../graphql/generated";
import { RatesFeed } from "../live/rates-feed";
import type { Pausable } from "../live/visibility";
import { MarketStore } from "../stores/market-store";
import { clock, gateway, listenInto } from "../stores/session";

export type SpreadRate = NonNullable<SpreadsSubscription["rates"]>["items"][number];

/** 200 instruments each. */
const MOST_PAGES = 50;
/** Operators review assets while the page is open. */
const RENEW_MS = 300_000;
const RETRY_MS = 5_000;

export class SpreadsFeed implements Pausable {
  readonly store = new MarketStore<SpreadRate>(clock);
  readonly #rates = new RatesFeed<SpreadRate, SpreadsSubscriptionVariables>(gateway, SpreadsDocument, {}, listenInto(this.store));
  /** By symbol and source. */
  #assets: ReadonlyMap<string, string> | null = null;
  #timer: number | undefined;

  /** Whether it is known which quotes may be compared. */
  get isIdentified(): boolean {
    return this.#assets !== null;
  }

  /** The key of the assets that a source means by a symbol; null if they are not known. */
  assetsOf(symbol: string, source: string): string | null {
    return this.#assets?.get(`${symbol} ${source}`) ?? null;
  }

  start(): void {
    this.#rates.start();
    void this.#identify();
  }

  pause(): void {
    window.clearTimeout(this.#timer);
    this.#rates.pause();
  }

  leave(): void {
    window.clearTimeout(this.#timer);
    this.#rates.leave();
  }

  retryNow(): void {
    this.#rates.retryNow();
  }

  async #identify(): Promise<void> {
    const found = await loadAssets();
    if (found !== null) this.#assets = found;
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#identify(), found === null ? RETRY_MS : RENEW_MS);
  }
}

/** Null if a page could not be read. */
async function loadAssets(): Promise<ReadonlyMap<string, string> | null> {
  const found = new Map<string, string>();
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const { data } = await gateway.client.query(IdentitiesDocument, { after }).toPromise();
    if (!data?.instruments) return null;
    for (const { symbol, source, baseAsset, quoteAsset } of data.instruments.nodes) {
      if (baseAsset !== null && quoteAsset !== null) found.set(`${symbol} ${source.code}`, `${baseAsset.id} ${quoteAsset.id}`);
    }
    after = data.instruments.pageInfo.endCursor;
    if (!data.instruments.pageInfo.hasNextPage) break;
  }
  return found;
}
