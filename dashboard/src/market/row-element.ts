// A row of the market table in the document.
import type { Row } from "@tanstack/react-table";
import { formatVolume } from "../rates/figures";
import type { InstrumentRow } from "../stores/instrument-row";
import { names } from "../stores/session";
import { NAME } from "./column-ids";
import type { features, MarketColumn } from "./columns";
import type { CellView } from "./figure";
import { setAttribute } from "./figure";
import { marketFaceOf } from "./use-rows";

export type MarketRow = Row<typeof features, InstrumentRow>;

/** Where a row stands, and how the viewer has marked it. */
export interface RowPlace {
  row: MarketRow;
  /** Index in the whole table, from 0. */
  index: number;
  top: number;
  isActive: boolean;
  isSelected: boolean;
  /** The column of the active cell, if it is in this row. */
  cell: string | null;
  isInGroup: boolean;
}

export interface RowElement {
  readonly element: HTMLElement;
  place(place: RowPlace): void;
  /** Writes what has changed; `isWhole`: also where no rate of the row has. */
  update(isWhole: boolean): void;
}

const ROW_ID = "row-";

export function rowId(row: string): string {
  return ROW_ID + row;
}

export function cellId(row: string, column: string): string {
  return `cell-${row}-${column}`;
}

export function cellClass(column: string): string {
  return `cell ${column.split(":")[0]}`;
}

/** The row and the column of an element in the rows. */
export function placeOf(element: Element): { row: string | null; column: string | null } {
  const row = element.closest("[role=row]")?.id ?? "";
  return { row: row.startsWith(ROW_ID) ? row.slice(ROW_ID.length) : null, column: element.closest<HTMLElement>("[data-column]")?.dataset.column ?? null };
}

/** What all rows have: a place among the others. Writes only what differs. */
class PlacedElement {
  readonly element = document.createElement("div");
  #index = -1;
  #top = Number.NaN;

  constructor(id: string) {
    this.element.setAttribute("role", "row");
    this.element.id = rowId(id);
  }

  put({ index, top, isActive }: RowPlace): void {
    const { element } = this;
    if (index !== this.#index) element.setAttribute("aria-rowindex", String(index + 2));
    if (top !== this.#top) element.style.transform = `translateY(${top}px)`;
    this.#index = index;
    this.#top = top;
    if (element.hasAttribute("data-active") !== isActive) setAttribute(element, "data-active", isActive ? "true" : undefined);
  }
}

/** The row of an instrument. */
export class InstrumentElement extends PlacedElement implements RowElement {
  readonly #row: InstrumentRow;
  readonly #cells = new Map<string, HTMLElement>();
  readonly #views: CellView[] = [];
  #face = "";
  #activeCell: string | null = null;
  #marks = "";

  constructor(row: InstrumentRow, columns: readonly MarketColumn[]) {
    super(row.symbol);
    this.#row = row;
    this.element.dataset.symbol = row.symbol;
    for (const { id, cell: viewIn } of columns) {
      const cell = document.createElement("div");
      cell.setAttribute("role", id === NAME ? "rowheader" : "gridcell");
      cell.className = cellClass(id);
      cell.dataset.column = id;
      this.#cells.set(id, cell);
      this.#views.push(viewIn(cell));
      this.element.append(cell);
    }
  }

  place(place: RowPlace): void {
    this.put(place);
    const { index, isSelected, isInGroup, cell } = place;
    const marks = `${index % 2} ${isSelected} ${isInGroup}`;
    if (marks !== this.#marks) {
      this.#marks = marks;
      this.element.className = index % 2 === 0 ? "row" : "row odd";
      this.element.setAttribute("aria-selected", String(isSelected));
      setAttribute(this.element, "aria-level", isInGroup ? "2" : undefined);
    }
    if (cell === this.#activeCell) return;
    this.#markCell(this.#activeCell, false);
    this.#markCell(cell, true);
    this.#activeCell = cell;
  }

  update(isWhole: boolean): void {
    const face = marketFaceOf(this.#row);
    if (!isWhole && face === this.#face) return;
    this.#face = face;
    for (const view of this.#views) view.update(this.#row);
  }

  #markCell(column: string | null, isActive: boolean): void {
    const cell = column === null ? undefined : this.#cells.get(column);
    if (cell === undefined || column === null) return;
    setAttribute(cell, "id", isActive ? cellId(this.#row.symbol, column) : undefined);
    setAttribute(cell, "data-active", isActive ? "true" : undefined);
  }
}

/** The row above all instruments of one asset. Its instruments can be folded away. */
export class GroupElement extends PlacedElement implements RowElement {
  readonly #head = document.createElement("div");
  readonly #fold = document.createElement("span");
  readonly #asset = document.createElement("b");
  readonly #name = document.createElement("span");
  readonly #count = document.createElement("span");
  #row: MarketRow;
  #shown = "";

  constructor(row: MarketRow, columnCount: number) {
    super(row.id);
    this.#row = row;
    this.element.className = "row group";
    this.element.setAttribute("aria-level", "1");
    this.#head.setAttribute("role", "rowheader");
    this.#head.setAttribute("aria-colspan", String(columnCount));
    this.#head.className = "cell symbol";
    this.#fold.className = "fold";
    this.#fold.setAttribute("aria-hidden", "true");
    this.#name.className = this.#count.className = "soft";
    this.#head.append(this.#fold, this.#asset, " ", this.#name, " ", this.#count);
    this.element.append(this.#head);
  }

  place(place: RowPlace): void {
    this.put(place);
    // The table makes the rows of groups anew whenever it sorts.
    this.#row = place.row;
    this.update();
  }

  update(): void {
    const row = this.#row;
    const asset = String(row.groupingValue);
    const isOpen = row.getIsExpanded();
    const volume = row.getValue<number | undefined>("volume");
    const count = row.subRows.length;
    const words = `${count} ${count === 1 ? "instrument" : "instruments"}${volume === undefined ? "" : ` · ${formatVolume(volume)} USD`}`;
    const name = names.of(asset);
    const shown = [isOpen, asset, name, words].join("\n");
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.element.setAttribute("aria-expanded", String(isOpen));
    this.#fold.textContent = isOpen ? "▾" : "▸";
    this.#asset.textContent = asset;
    this.#name.textContent = name.toUpperCase() === asset ? "" : name;
    this.#count.textContent = words;
  }
}
