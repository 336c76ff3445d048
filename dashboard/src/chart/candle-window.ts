// The loaded candles of a chart: a part of the history without a hole, of bounded size, which pages extend at both ends.
import type { ChartCandleFragment } from "../graphql/generated";

export type ChartCandle = ChartCandleFragment;

/** A page as the gateway answers it. `cursor` is the place of its first candle. */
export interface CandlePage {
  items: readonly ChartCandle[];
  cursor: string;
  hasMore: boolean;
  earliest: string | null;
}

type LoadedPage = Pick<CandlePage, "items" | "cursor">;

/** More than a wide screen has pixels; some 2 MB. What is beyond, at the end away from the viewer, is loaded again when needed. */
export const MOST_CANDLES = 4_000;

export class CandleWindow {
  /** In the order of time, each beginning where the one before ends. */
  items: readonly ChartCandle[] = [];
  /** Whether the gateway has earlier or later candles. */
  hasEarlier = false;
  hasLater = false;
  earliest: string | null = null;
  readonly #most: number;
  #pages: LoadedPage[] = [];

  /** `most`: the number of candles from which on whole pages are dropped. */
  constructor(most: number = MOST_CANDLES) {
    this.#most = most;
  }

  /** The cursor for the page before the first candle. */
  get cursor(): string | null {
    return this.#pages[0]?.cursor ?? null;
  }

  get first(): ChartCandle | undefined {
    return this.items[0];
  }

  get last(): ChartCandle | undefined {
    return this.items.at(-1);
  }

  open(page: CandlePage, hasLater: boolean): void {
    this.#pages = page.items.length === 0 ? [] : [{ ...page }];
    this.hasEarlier = page.hasMore;
    this.hasLater = hasLater;
    this.earliest = page.earliest;
    this.#join();
  }

  addEarlier(page: CandlePage): void {
    // A page without a candle leads nowhere.
    this.hasEarlier = page.hasMore && page.items.length > 0;
    if (page.items.length > 0) this.#pages.unshift({ ...page });
    while (this.#isTooLong()) {
      this.#pages.pop();
      this.hasLater = true;
    }
    this.#join();
  }

  addLater(page: CandlePage, hasLater: boolean): void {
    this.hasLater = hasLater;
    if (page.items.length > 0) this.#pages.push({ ...page });
    this.#dropEarliest();
    this.#join();
  }

  /** Replaces the candles from the first to the last one of `page`. Returns false if there would be a hole before it. */
  replaceNewest(page: CandlePage): boolean {
    const [first, last, end] = [page.items[0], this.last, page.items.at(-1)];
    if (first === undefined || last === undefined || end === undefined) return first === undefined;
    if (first.openTime > last.closeTime) return false;
    while ((this.#pages.at(-1)?.items[0]?.openTime ?? "") >= first.openTime) this.#pages.pop();
    const tail = this.#pages.pop();
    if (tail !== undefined) this.#pages.push({ ...tail, items: tail.items.filter(({ openTime }) => openTime < first.openTime) });
    const known = new Map(this.items.map((candle) => [candle.openTime, candle]));
    // The subscription may have brought later ones meanwhile.
    const later = this.items.filter(({ openTime }) => openTime > end.openTime);
    this.#pages.push({ ...page, items: [...page.items.map((candle) => newer(known.get(candle.openTime), candle)), ...later] });
    this.#dropEarliest();
    this.#join();
    return true;
  }

  /** Puts each of `candles`, in the order of time, in its place or behind the last one. Returns false if there would be a hole. */
  merge(candles: readonly ChartCandle[]): boolean {
    const [tail, last] = [this.#pages.at(-1), this.last];
    if (tail === undefined || last === undefined) return false;
    const later = candles.filter(({ openTime }) => openTime > last.openTime);
    const ends = [last, ...later].map(({ closeTime }) => closeTime);
    if (later.some(({ openTime }, index) => openTime > (ends[index] ?? ""))) return false;
    const changed = new Map(candles.map((candle) => [candle.openTime, candle]));
    const first = candles[0]?.openTime ?? "";
    for (const page of this.#pages.filter(({ items }) => (items.at(-1)?.openTime ?? "") >= first)) {
      page.items = page.items.map((candle) => newer(candle, changed.get(candle.openTime)));
    }
    tail.items = [...tail.items, ...later];
    this.#dropEarliest();
    this.#join();
    return true;
  }

  /** The index of the candle that `time` is in, or of the nearest one; -1 without candles. */
  indexAt(time: number): number {
    let [low, high] = [0, this.items.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (Date.parse(this.items[middle]?.openTime ?? "") <= time) low = middle;
      else high = middle - 1;
    }
    return this.items.length === 0 ? -1 : low;
  }

  #dropEarliest(): void {
    while (this.#isTooLong()) {
      this.#pages.shift();
      this.hasEarlier = true;
    }
  }

  #isTooLong(): boolean {
    return this.#pages.length > 1 && this.#pages.reduce((sum, { items }) => sum + items.length, 0) > this.#most;
  }

  #join(): void {
    this.items = this.#pages.flatMap(({ items }) => items);
  }
}

/** Of two states of a candle, the one that became known later: a query and the subscription may overtake each other. */
function newer(known: ChartCandle | undefined, other: ChartCandle): ChartCandle;
function newer(known: ChartCandle, other: ChartCandle | undefined): ChartCandle;
function newer(known: ChartCandle | undefined, other: ChartCandle | undefined): ChartCandle | undefined {
  if (known === undefined || other === undefined) return known ?? other;
  return Date.parse(known.asOf) > Date.parse(other.asOf) ? known : other;
}
