// Names of assets, their codes and symbols, for display and search; loaded once, page by page, after the first rates have arrived.
import type { Client } from "urql";
import { InstrumentNamesDocument } from "../graphql/generated";
import { retryMs } from "../live/backoff";
import { refusalIn } from "../live/refusal";

/** 200 instruments per page. The names beyond this many pages are not loaded. */
const MOST_PAGES = 50;
/** At least so long before the next attempt: without names everything else works. */
const RETRY_MS = 10_000;

export class AssetNames {
  readonly #names = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  readonly #codes = new Set<string>();
  readonly #symbols = new Set<string>();
  #isAsked = false;
  #failures = 0;
  version = 0;
  /** All tracked symbols, and the codes of all assets in them; in their order. */
  symbols: readonly string[] = [];
  codes: readonly string[] = [];

  of(base: string): string {
    return this.#names.get(base) ?? "";
  }

  /** Loads once, and goes on trying after a failure. Until then names are missing. */
  async load(client: Client): Promise<void> {
    if (this.#isAsked) return;
    this.#isAsked = true;
    let after: string | null = null;
    for (let page = 0; page < MOST_PAGES; page++) {
      const { data, error } = await client.query(InstrumentNamesDocument, { after }).toPromise();
      if (!data?.instruments) {
        this.#retryLater(client, error === undefined ? null : refusalIn(error)?.retryAfterMs ?? null);
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

  #retryLater(client: Client, retryAfterMs: number | null): void {
    const delayMs = Math.max(RETRY_MS, retryMs(this.#failures, retryAfterMs));
    this.#failures += 1;
    window.setTimeout(() => {
      this.#isAsked = false;
      void this.load(client);
    }, delayMs);
  }

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}
