// Names of assets, their codes and symbols, for display and search; loaded once, page by page, after the first rates have arrived.
import type { Client } from "urql";
import { InstrumentNamesDocument } from "../graphql/generated";

/** 200 instruments per page. The names beyond this many pages are not loaded. */
const MOST_PAGES = 50;

export class AssetNames {
  readonly #names = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  readonly #codes = new Set<string>();
  readonly #symbols = new Set<string>();
  #asked = false;
  version = 0;
  /** All tracked symbols, and the codes of all assets in them; in their order. */
  symbols: readonly string[] = [];
  codes: readonly string[] = [];

  of(base: string): string {
    return this.#names.get(base) ?? "";
  }

  /** Loads once, and retries only after a failure. Until then names are missing, and everything else works. */
  async load(client: Client): Promise<void> {
    if (this.#asked) return;
    this.#asked = true;
    let after: string | null = null;
    for (let page = 0; page < MOST_PAGES; page++) {
      const { data } = await client.query(InstrumentNamesDocument, { after }).toPromise();
      if (!data?.instruments) {
        this.#asked = false;
        break;
      }
      for (const { symbol, base, quote, name } of data.instruments.nodes) {
        this.#names.set(base, name);
        this.#codes.add(base).add(quote);
        this.#symbols.add(symbol);
      }
      after = data.instruments.pageInfo.endCursor;
      if (!data.instruments.pageInfo.hasNextPage) break;
    }
    this.symbols = [...this.#symbols].sort();
    this.codes = [...this.#codes].sort();
    this.version += 1;
    for (const listener of this.#listeners) listener();
  }

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}
