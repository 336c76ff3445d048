// Names of assets, for people and for the search; asked once, page by page, after the first rates are there.
import type { Client } from "urql";
import { InstrumentNamesDocument } from "../graphql/generated";

/** 200 instruments a page; a catalogue longer than this many pages is shown without its last names. */
const MOST_PAGES = 50;

export class AssetNames {
  readonly #names = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  #asked = false;
  version = 0;

  of(base: string): string {
    return this.#names.get(base) ?? "";
  }

  /** Asks once, and again only where there was no answer; until then names are missing, and all else works. */
  async load(client: Client): Promise<void> {
    if (this.#asked) return;
    this.#asked = true;
    let after: string | null = null;
    for (let page = 0; page < MOST_PAGES; page++) {
      const { data } = await client.query(InstrumentNamesDocument, { after }).toPromise();
      if (data === undefined) {
        this.#asked = false;
        break;
      }
      for (const { base, name } of data.instruments.nodes) this.#names.set(base, name);
      after = data.instruments.pageInfo.endCursor;
      if (!data.instruments.pageInfo.hasNextPage) break;
    }
    this.version += 1;
    for (const listener of this.#listeners) listener();
  }

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}
