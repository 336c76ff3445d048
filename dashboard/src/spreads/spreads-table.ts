// The rows of the spread view at one moment. They keep their places for two seconds: what moves faster cannot be read.
import type { SpreadsAddress } from "../browser/view-address";
import type { ServerClock } from "../rates/server-clock";
import { type BestQuotes, findBestQuotes } from "./best-quotes";
import { ordered } from "./ordered";
import type { SpreadsFeed } from "./spreads-feed";

export interface SpreadsRead {
  rows: readonly BestQuotes[];
  /** Instruments that are left out, by reason. */
  lonely: number;
  doubtful: number;
}

const REORDER_MS = 2_000;

export class SpreadsTable {
  readonly #feed: Pick<SpreadsFeed, "store" | "assetsOf">;
  readonly #clock: ServerClock;
  #orderedAt = 0;
  #key = "";
  #places = new Map<string, number>();

  constructor(feed: Pick<SpreadsFeed, "store" | "assetsOf">, clock: ServerClock) {
    this.#feed = feed;
    this.#clock = clock;
  }

  read(address: SpreadsAddress, search: string, nameOf: (base: string) => string, nowMs: number = Date.now()): SpreadsRead {
    const key = `${address.sort} ${address.descending} ${search}`;
    const isOther = key !== this.#key;
    this.#key = key;
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const [found, counts] = [[] as BestQuotes[], { lonely: 0, doubtful: 0 }];
    for (const row of this.#feed.store.rows.values()) {
      const text = `${row.symbol} ${row.symbol.replace("/", "")} ${nameOf(row.base)}`.toLowerCase();
      if (!words.every((word) => text.includes(word))) continue;
      const rates = [...row.quotes.values()].map(({ rate }) => rate);
      const outcome = findBestQuotes(row.symbol, rates, (source) => this.#feed.assetsOf(row.symbol, source), this.#clock.nowMs(nowMs));
      if (outcome.kind === "found") found.push(outcome.quotes);
      else counts[outcome.kind] += 1;
    }
    return { rows: this.#place(found, address, isOther || nowMs - this.#orderedAt >= REORDER_MS, nowMs), ...counts };
  }

  /** New rows follow the others until all are ordered again. */
  #place(found: readonly BestQuotes[], address: SpreadsAddress, isDue: boolean, nowMs: number): BestQuotes[] {
    if (isDue || this.#places.size === 0) {
      this.#orderedAt = nowMs;
      const rows = ordered(found, address);
      this.#places = new Map(rows.map(({ symbol }, place) => [symbol, place]));
      return rows;
    }
    const placeOf = ({ symbol }: BestQuotes) => this.#places.get(symbol) ?? Number.MAX_SAFE_INTEGER;
    return [...found].sort((one, other) => placeOf(one) - placeOf(other) || one.symbol.localeCompare(other.symbol, "en"));
  }
}
