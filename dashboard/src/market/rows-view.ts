// The rows of the market table that are in view, written into the document without React: a price that changes costs one
// text, not a component. Rows are known by their instruments, so that one that moves keeps its cells.
import { onSecondHand } from "../live/second-hand";
import { MARKET_TURN_MS, market, names } from "../stores/session";
import type { MarketColumn } from "./columns";
import { favourites } from "./favourites";
import { flashes } from "./flash";
import { GroupElement, InstrumentElement, type RowElement, type RowPlace } from "./row-element";
import { watchlists } from "./watchlists";

/** New rows of a frame: each has a layout and a picture to be made. */
export const ROWS_A_FRAME = 6;

interface Shown {
  element: RowElement;
  end(): void;
}

/** What the rows depend on beside their places. */
export interface RowsOptions {
  columns: readonly MarketColumn[];
  /** Whatever the names of the rows depend on: all are written again where it is another one. */
  address: unknown;
}

export class RowsView {
  readonly #parent: HTMLElement;
  readonly #shown = new Map<string, Shown>();
  readonly #ends: readonly (() => void)[];
  #places: readonly RowPlace[] = [];
  #options: RowsOptions = { columns: [], address: null };
  #columnKey = "";
  readonly #dirty = new Set<RowElement>();
  #areNamesNew = false;
  #timer: number | undefined;
  #frame: number | undefined;
  #fillFrame: number | undefined;
  #turnAtMs = Number.NEGATIVE_INFINITY;
  /** The frame in which rows were made last, by its time. */
  #filledFrame: CSSNumberish | null = null;

  constructor(parent: HTMLElement) {
    this.#parent = parent;
    const renew = () => this.#renew();
    this.#ends = [onSecondHand(() => this.#tick()), names.onChange(renew), favourites.onChange(renew), watchlists.onChange(renew)];
  }

  /** Shows rows at their places, in the order of the table. New ones follow in portions, the active one first. */
  show(places: readonly RowPlace[], options: RowsOptions): void {
    const columnKey = options.columns.map(({ id }) => id).join();
    if (columnKey !== this.#columnKey) this.#clear();
    const isAddressNew = options.address !== this.#options.address;
    this.#columnKey = columnKey;
    this.#options = options;
    this.#places = places;
    const wanted = new Set(places.map(({ row }) => row.id));
    for (const [id, shown] of this.#shown) if (!wanted.has(id)) this.#drop(id, shown);
    for (const place of places) this.#shown.get(place.row.id)?.element.place(place);
    this.#fill();
    if (isAddressNew) this.#renew();
  }

  stop(): void {
    for (const end of this.#ends) end();
    this.#clear();
    window.clearTimeout(this.#timer);
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    if (this.#fillFrame !== undefined) cancelAnimationFrame(this.#fillFrame);
  }

  #clear(): void {
    for (const [id, shown] of [...this.#shown]) this.#drop(id, shown);
  }

  #drop(id: string, { element, end }: Shown): void {
    end();
    element.element.remove();
    this.#dirty.delete(element);
    this.#shown.delete(id);
  }

  /** Makes some of the rows that are not there yet, unless this frame has made some, and puts all in order. */
  #fill(): void {
    if (this.#fillFrame !== undefined) cancelAnimationFrame(this.#fillFrame);
    const absent = this.#places.filter(({ row }) => !this.#shown.has(row.id)).sort((one, other) => Number(other.isActive) - Number(one.isActive));
    const frame = document.timeline.currentTime;
    const made = frame === this.#filledFrame ? [] : absent.slice(0, ROWS_A_FRAME);
    if (made.length > 0) this.#filledFrame = frame;
    for (const place of made) this.#make(place);
    this.#order();
    this.#fillFrame = absent.length === made.length ? undefined : requestAnimationFrame(() => this.#fill());
  }

  #make(place: RowPlace): void {
    const { row } = place;
    const { columns } = this.#options;
    const element = row.getIsGrouped() ? new GroupElement(row, columns.length) : new InstrumentElement(row.original, columns);
    const end = row.getIsGrouped() ? () => undefined : market.onRow(row.original.symbol, () => this.#mark(element));
    this.#shown.set(row.id, { element, end });
    element.place(place);
    element.update(true);
  }

  /** The order in the document is that of the table, for those who hear it. A row that is in place is not touched. */
  #order(): void {
    let next = this.#parent.firstElementChild;
    for (const { row } of this.#places) {
      const element = this.#shown.get(row.id)?.element.element;
      if (element === undefined) continue;
      // The row before has left its place: it is put elsewhere later.
      if (next !== null && next !== element && next.nextElementSibling === element) next = element;
      if (next === element) next = element.nextElementSibling;
      else this.#parent.insertBefore(element, next);
    }
  }

  #mark(element: RowElement): void {
    this.#dirty.add(element);
    this.#schedule();
  }

  /** Ages and colours change with the time. */
  #tick(): void {
    for (const { element } of this.#shown.values()) this.#dirty.add(element);
    this.#schedule();
  }

  #renew(): void {
    this.#areNamesNew = true;
    this.#tick();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#frame !== undefined) return;
    const waitMs = this.#areNamesNew ? 0 : this.#turnAtMs + MARKET_TURN_MS - performance.now();
    if (waitMs <= 0) this.#frame = requestAnimationFrame(() => this.#turn());
    else {
      this.#timer = window.setTimeout(() => {
        this.#timer = undefined;
        this.#frame = requestAnimationFrame(() => this.#turn());
      }, waitMs);
    }
  }

  #turn(): void {
    this.#turnAtMs = performance.now();
    this.#frame = undefined;
    // What is lit ends with what changes, so that both are painted once.
    flashes.endDue();
    if (this.#areNamesNew) {
      this.#areNamesNew = false;
      for (const { element } of this.#shown.values()) element.update(true);
      this.#dirty.clear();
    }
    // All in one frame: on a busy machine each further one would cost as much as the writing.
    for (const element of this.#dirty) element.update(false);
    this.#dirty.clear();
  }
}
