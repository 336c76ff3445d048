// What a copy in the table puts on the clipboard: tab-separated cells with all digits.
import type { MarketColumn } from "./columns";
import type { MarketRow } from "./row-element";
import { asTabs } from "./take-along";

interface Copying {
  grid: HTMLElement | null;
  ordered: readonly MarketRow[];
  shown: readonly MarketColumn[];
  active: string | null;
  column: string | null;
  selected: Readonly<Record<string, true>>;
}

/** The marked text's cell or rows, else the selected rows, else the active cell or row; null if there is none of them. */
export function copiedText({ grid, ordered, shown, active, column, selected }: Copying): string | null {
  const marked = markedIn(grid);
  if (marked !== null) {
    const rows = ordered.filter((row) => marked.symbols.has(row.original.symbol) && !row.getIsGrouped());
    if (rows.length === 0) return null;
    return asTabs(rows.map(({ original }) => original), marked.column === null ? shown : shown.filter(({ id }) => id === marked.column));
  }
  const chosen = ordered.filter((row) => selected[row.id] === true);
  if (chosen.length > 0) return asTabs(chosen.map(({ original }) => original), shown);
  const row = ordered.find(({ id }) => id === active);
  if (row === undefined || row.getIsGrouped()) return null;
  return asTabs([row.original], column === null ? shown : shown.filter(({ id }) => id === column));
}

/** The rows that the marked text touches, and its column if it is within one cell. */
function markedIn(grid: HTMLElement | null): { symbols: ReadonlySet<string>; column: string | null } | null {
  const selection = window.getSelection();
  if (grid === null || selection === null || selection.isCollapsed) return null;
  const touched = [...grid.querySelectorAll<HTMLElement>("[data-symbol]")].filter((row) => selection.containsNode(row, true));
  if (touched.length === 0) return null;
  const [from, to] = [cellOf(selection.anchorNode), cellOf(selection.focusNode)];
  return { symbols: new Set(touched.map((row) => row.dataset.symbol ?? "")), column: from !== null && from === to ? (from.dataset.column ?? null) : null };
}

function cellOf(node: Node | null): HTMLElement | null {
  return (node instanceof Element ? node : (node?.parentElement ?? null))?.closest<HTMLElement>("[data-column]") ?? null;
}
