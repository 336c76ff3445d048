// The reviewed assets of all pairs as each source means them, read again while the spread view is open.
import type { Client } from "urql";
import { IdentitiesDocument } from "../graphql/generated";
import { Periodic } from "../live/periodic";
import { type FailedLoad, failedLoad } from "../live/refusal";
import { keyOf, type PairAssets } from "./quote-book";

/** 200 instruments each. */
const MOST_PAGES = 50;
/** Operators review assets while the page is open. */
const RENEW_MS = 300_000;
const RETRY_MS = 5_000;

export interface Identities {
  /** By pair and source. */
  assets: ReadonlyMap<string, PairAssets>;
  /** The codes of the currencies, by reviewed asset. */
  currencies: ReadonlyMap<string, string>;
}

export class PairIdentities extends Periodic {
  /** Whether the last attempt was not answered. */
  hasFailed = false;

  constructor(client: Client, onFound: (identities: Identities) => void) {
    const load = async () => {
      const found = await loadIdentities(client);
      this.hasFailed = "retryAfterMs" in found;
      if ("retryAfterMs" in found) return found;
      onFound(found);
      return null;
    };
    super(load, RENEW_MS, RETRY_MS);
  }
}

async function loadIdentities(client: Client): Promise<Identities | FailedLoad> {
  const [assets, currencies] = [new Map<string, PairAssets>(), new Map<string, string>()];
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const { data, error } = await client.query(IdentitiesDocument, { after }).toPromise();
    if (!data?.instruments) return failedLoad(error);
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
