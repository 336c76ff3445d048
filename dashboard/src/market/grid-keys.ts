// The keys of the market table.
import type { KeyboardEvent, RefObject } from "react";
import { go } from "../browser/address";
import type { MarketColumn } from "./columns";
import { steps } from "./steps";
import type { MarketRow } from "./row-element";
import { FAVOURITES, toggleInList } from "./watchlists";

interface Grid {
  scroller: RefObject<HTMLDivElement | null>;
  ordered: readonly MarketRow[];
  shown: readonly MarketColumn[];
  /** The active row and column; a null column is the whole row. */
  active: string | null;
  column: string | null;
  rowPx: number;
  selected: Readonly<Record<string, true>>;
  /** The list that the star marks in. */
  list: string | null;
  move(index: number): void;
  setColumn(column: string | null): void;
  fold(row: string): void;
  onSelect(selected: Record<string, true>): void;
}

/** Returns the handler of the grid: arrows move, Enter opens, Space selects, f marks, Escape lets go. */
export function useGridKeys(grid: Grid): (event: KeyboardEvent) => void {
  return (event) => {
    if (event.target !== grid.scroller.current || event.altKey) return;
    const isDone = event.ctrlKey || event.metaKey ? selectAll(event, grid) : moveRow(event, grid) || moveCell(event, grid) || act(event, grid);
    if (!isDone) return;
    event.preventDefault();
    event.stopPropagation();
  };
}

function indexOf({ ordered, active }: Grid): number {
  return active === null ? -1 : ordered.findIndex((row) => row.id === active);
}

function moveRow(event: KeyboardEvent, grid: Grid): boolean {
  const at = indexOf(grid);
  const page = Math.max(1, Math.floor((grid.scroller.current?.clientHeight ?? 0) / grid.rowPx) - 2);
  const next = steps(event.key, at, grid.ordered.length, page);
  if (next === null) return false;
  if (event.shiftKey) select(grid, grid.ordered.slice(Math.max(0, Math.min(at, next)), Math.max(at, next) + 1));
  grid.move(next);
  return true;
}

/** Sideways into the cells of the row and back out of them; a group unfolds and folds. */
function moveCell({ key }: KeyboardEvent, grid: Grid): boolean {
  const row = grid.ordered[indexOf(grid)];
  if (row === undefined || (key !== "ArrowRight" && key !== "ArrowLeft")) return false;
  if (row.getIsGrouped()) {
    if (row.getIsExpanded() === (key === "ArrowLeft")) grid.fold(row.id);
    return true;
  }
  const at = grid.shown.findIndex(({ id }) => id === grid.column);
  const next = Math.min(grid.shown.length - 1, at + (key === "ArrowRight" ? 1 : -1));
  grid.setColumn(grid.shown[next]?.id ?? null);
  return true;
}

function act({ key }: KeyboardEvent, grid: Grid): boolean {
  const row = grid.ordered[indexOf(grid)];
  if (key === "Escape") {
    // Otherwise Escape clears the search.
    if (grid.column !== null) grid.setColumn(null);
    else if (Object.keys(grid.selected).length > 0) grid.onSelect({});
    else return false;
    return true;
  }
  if (row === undefined) return false;
  if (row.getIsGrouped()) {
    if (key === "Enter" || key === " ") grid.fold(row.id);
    return key === "Enter" || key === " ";
  }
  if (key === "Enter") go({ symbol: row.original.symbol }, "push");
  else if (key === " ") row.toggleSelected();
  else if (key === "f") toggleInList(grid.list ?? FAVOURITES, row.original.symbol);
  else return false;
  return true;
}

function selectAll({ key }: KeyboardEvent, grid: Grid): boolean {
  if (key !== "a") return false;
  select(grid, grid.ordered);
  return true;
}

function select(grid: Grid, rows: readonly MarketRow[]): void {
  const added = Object.fromEntries(rows.filter((row) => !row.getIsGrouped()).map((row) => [row.id, true as const]));
  grid.onSelect({ ...grid.selected, ...added });
}
