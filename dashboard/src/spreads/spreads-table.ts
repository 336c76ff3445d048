// The rows of the spread view at one moment.
import type { SpreadsAddress } from "../browser/view-address";
import type { ServerClock } from "../rates/server-clock";
import { type BestQuotes, findBestQuotes, type Quote, type UsdValue } from "./best-quotes";
import { inPlacesOf, ordered } from "./ordered";
import type { QuoteBook } from "./quote-book";

export interface SpreadsRead {
  rows: readonly BestQuotes[];
  /** Assets or pairs that are left out, by reason. */
  lonely: number;
  doubtful: number;
  /** Whether the rows keep their places, whatever their figures are. */
  isHeld: boolean;
}

/** What the rows are made of. */
export interface QuoteSource {
  book: Pick<QuoteBook, "quotes">;
  usdValueOf: (currency: string, simulated: boolean) => UsdValue | null;
}

/** Figures and places change together: a row never shows a figure that its place contradicts. */
const READ_MS = 1_000;

export class SpreadsTable {
  readonly #feed: QuoteSource;
  readonly #clock: ServerClock;
  #last: { key: string; atMs: number; read: SpreadsRead } | null = null;

  constructor(feed: QuoteSource, clock: ServerClock) {
    this.#feed = feed;
    this.#clock = clock;
  }

  /** `isInUse`: the viewer is on a row, which must not move away. */
  read(address: SpreadsAddress, search: string, nameOf: (base: string) => string, isInUse: boolean, nowMs: number = Date.now()): SpreadsRead {
    const key = `${address.rows} ${address.sort} ${address.descending} ${search}`;
    const last = this.#last;
    // Nothing that was found is looked for again at once: it may arrive at any time.
    if (last !== null && last.key === key && last.read.rows.length > 0 && nowMs - last.atMs < READ_MS) return last.read;
    const found = this.#find(address, search, nameOf, this.#clock.nowMs(nowMs));
    // Names do not move.
    const isHeld = isInUse && last !== null && last.key === key && address.sort !== "symbol";
    const read = { ...found, isHeld, rows: isHeld ? inPlacesOf(last.read.rows, found.rows) : found.rows };
    this.#last = { key, atMs: nowMs, read };
    return read;
  }

  #find(address: SpreadsAddress, search: string, nameOf: (base: string) => string, nowMs: number): Omit<SpreadsRead, "isHeld"> {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const [rows, counts] = [[] as BestQuotes[], { lonely: 0, doubtful: 0 }];
    const usdValueOf = address.rows === "pair" ? () => null : this.#feed.usdValueOf;
    for (const [key, quotes] of this.#group(address)) {
      const text = [...new Set(quotes.map(({ symbol }) => `${symbol} ${symbol.replace("/", "")} ${nameOf(baseOf(symbol))}`))].join(" ").toLowerCase();
      if (!words.every((word) => text.includes(word))) continue;
      const outcome = findBestQuotes(key, quotes, usdValueOf, nowMs);
      if (outcome.kind === "found") rows.push(outcome.quotes);
      else counts[outcome.kind] += 1;
    }
    return { rows: ordered(rows, address), ...counts };
  }

  #group({ rows }: SpreadsAddress): ReadonlyMap<string, Quote[]> {
    const groups = new Map<string, Quote[]>();
    for (const quote of this.#feed.book.quotes()) {
      const key = rows === "pair" ? quote.symbol : quote.base;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [quote]);
      else group.push(quote);
    }
    return groups;
  }
}

function baseOf(symbol: string): string {
  return symbol.split("/")[0] ?? "";
}
