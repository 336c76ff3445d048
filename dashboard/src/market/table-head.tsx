// The head of the market table: click to sort, drag or Alt and the arrows to move a column.
import { type DragEvent, type KeyboardEvent, useState } from "react";
import { type Address, FIRST_SORT, go, type SortKey } from "../browser/address";
import { NAME } from "./column-ids";
import type { MarketColumn } from "./columns";
import { cellClass } from "./row-element";
import { moveColumn } from "./table-settings";

interface Props {
  /** Those that are shown, in order. */
  columns: readonly MarketColumn[];
  /** All, in order. */
  all: readonly MarketColumn[];
  address: Address;
  /** The column that the rows are sorted by; null by relevance. */
  sort: SortKey | null;
}

const DRAGGED = "application/x-ratewire-column";

export function TableHead({ columns, all, address, sort }: Props) {
  const [over, setOver] = useState<string | null>(null);
  const place = (id: string) => all.findIndex((column) => column.id === id);
  const onDrop = (event: DragEvent, target: string) => {
    event.preventDefault();
    setOver(null);
    const id = event.dataTransfer.getData(DRAGGED);
    if (place(id) >= 0) moveColumn(all, id, place(target) - place(id));
  };
  const onKeyDown = (event: KeyboardEvent, id: string) => {
    if (!event.altKey || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    // Over hidden ones, to the next that is shown.
    const next = columns[columns.findIndex((column) => column.id === id) + (event.key === "ArrowLeft" ? -1 : 1)];
    if (next !== undefined) moveColumn(all, id, place(next.id) - place(id));
  };
  return (
    <div role="rowgroup" className="head">
      <div role="row" aria-rowindex={1} className="row">
        {columns.map(({ id, short, long, sort: key, descendsFirst }) => (
          <div
            key={id}
            role="columnheader"
            className={cellClass(id)}
            aria-sort={key !== null && key === sort ? (address.descending ? "descending" : "ascending") : undefined}
            data-over={over === id || undefined}
            draggable={id !== NAME}
            onDragStart={(event) => event.dataTransfer.setData(DRAGGED, id)}
            onDragOver={(event) => {
              if (!event.dataTransfer.types.includes(DRAGGED) || id === NAME) return;
              event.preventDefault();
              setOver(id);
            }}
            onDragLeave={() => setOver(null)}
            onDrop={(event) => onDrop(event, id)}
          >
            {key === null ? (
              <span title={long}>{short}</span>
            ) : (
              <button type="button" title={long} onClick={() => sortBy(key, descendsFirst, sort, address)} onKeyDown={(event) => onKeyDown(event, id)}>
                {short}
                <span aria-hidden="true">{key === sort ? (address.descending ? " ↓" : " ↑") : ""}</span>
              </button>
            )}
          </div>
        ))}
      </div>
    </div>
  );
}

/** The column that rows are sorted by: the chosen one, else by relevance while the search has words (null), else by volume. */
export function sortOf({ sort }: Address, isRanked: boolean): SortKey | null {
  return sort ?? (isRanked ? null : FIRST_SORT);
}

function sortBy(key: SortKey, descendsFirst: boolean, sort: SortKey | null, { descending }: Address): void {
  go({ sort: key, descending: key === sort ? !descending : descendsFirst });
}
