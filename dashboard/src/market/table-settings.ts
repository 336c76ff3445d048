// How the viewer wants the table: columns and their order, density, grouping. Stored in this browser only.
import { Remembered } from "../browser/remembered";
import { NAME } from "./column-ids";
import type { MarketColumn } from "./columns";

export interface TableSettings {
  /** Column ids in the order that was chosen; columns that it does not name keep their places behind. */
  order: readonly string[];
  hidden: ReadonlySet<string>;
  isCompact: boolean;
  isGrouped: boolean;
}

const FIRST: TableSettings = { order: [], hidden: new Set(), isCompact: false, isGrouped: false };
const MOST_COLUMNS = 100;

/** Reads what is stored; what is not of this shape is as on a first visit. */
export function readSettings(stored: string | null): TableSettings {
  try {
    const read: unknown = JSON.parse(stored ?? "null");
    if (typeof read !== "object" || read === null) return FIRST;
    const { order, hidden, isCompact, isGrouped } = read as Record<string, unknown>;
    return { order: texts(order), hidden: new Set(texts(hidden)), isCompact: isCompact === true, isGrouped: isGrouped === true };
  } catch {
    return FIRST;
  }
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string").slice(0, MOST_COLUMNS) : [];
}

export const tableSettings = new Remembered("table", readSettings);

export function changeSettings(change: Partial<TableSettings>): void {
  const next = { ...tableSettings.value, ...change };
  tableSettings.set(next, JSON.stringify({ ...next, hidden: [...next.hidden] }));
}

/** All columns in the chosen order; the name comes first. */
export function arrange(columns: readonly MarketColumn[], { order }: TableSettings): MarketColumn[] {
  const place = (id: string) => {
    if (id === NAME) return -1;
    const chosen = order.indexOf(id);
    return chosen < 0 ? order.length : chosen;
  };
  return [...columns].sort((one, other) => place(one.id) - place(other.id));
}

export function showColumn(id: string, isShown: boolean): void {
  const hidden = new Set(tableSettings.value.hidden);
  if (isShown) hidden.delete(id);
  else if (id !== NAME) hidden.add(id);
  changeSettings({ hidden });
}

/** Moves a column by `by` places among `columns`, which are in their present order. Returns whether it has moved. */
export function moveColumn(columns: readonly MarketColumn[], id: string, by: number): boolean {
  const ids = columns.map((column) => column.id);
  const from = ids.indexOf(id);
  const to = Math.min(ids.length - 1, Math.max(1, from + by));
  if (from < 1 || to === from) return false;
  ids.splice(to, 0, ...ids.splice(from, 1));
  changeSettings({ order: ids });
  return true;
}

export function resetColumns(): void {
  changeSettings({ order: FIRST.order, hidden: FIRST.hidden });
}
