// The market table: only the rows in view are in the document. One tab stop; arrows move, Enter opens, f marks.
import { FlexRender, type SortingState, useTable } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type FocusEvent, type KeyboardEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { type Address, go, type SortKey } from "../browser/address";
import { useMedia } from "../browser/use-media";
import { columnsFor, features, isShown } from "./columns";
import { toggleFavourite } from "./favourites";
import type { InstrumentRow } from "../stores/instrument-row";
import { steps } from "./steps";
import { cellClass, rowId, TableRow } from "./table-row";

const ROW_PX = 38;
const NARROW_ROW_PX = 52;
const HEAD_PX = 36;
const OVERSCAN = 6;
/** Text columns sort ascending first, numeric ones descending: people look for the largest values. */
const UPWARDS_FIRST: readonly SortKey[] = ["symbol", "age"];

/** The row that was active when the market was left, restored on return. */
let leftAt: string | null = null;

interface Props {
  rows: InstrumentRow[];
  sources: readonly string[];
  address: Address;
}

export function MarketTable({ rows, sources, address }: Props) {
  const isNarrow = useMedia("(max-width: 52rem)");
  const columns = useMemo(() => columnsFor(sources), [sources]);
  const sorting = useMemo<SortingState>(() => [{ id: address.sort, desc: address.descending }], [address.sort, address.descending]);
  const table = useTable({ features, columns, data: rows, state: { sorting }, getRowId: (row) => row.symbol, enableSortingRemoval: false });
  const ordered = table.getRowModel().rows;
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<string | null>(leftAt);
  const rowPx = isNarrow ? NARROW_ROW_PX : ROW_PX;
  const virtual = useVirtualizer({
    count: ordered.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    getItemKey: (index) => ordered[index]?.id ?? index,
    overscan: OVERSCAN,
    paddingStart: HEAD_PX,
    scrollPaddingStart: HEAD_PX,
    // The element of aria-activedescendant must be in the document.
    rangeExtractor: ({ startIndex, endIndex, overscan, count }) => {
      const shown: number[] = [];
      const [first, last] = [Math.max(0, startIndex - overscan), Math.min(count - 1, endIndex + overscan)];
      for (let index = first; index <= last; index++) shown.push(index);
      const at = indexOf(active);
      return at >= 0 && (at < first || at > last) ? [...shown, at] : shown;
    },
  });
  const indexOf = (symbol: string | null) => (symbol === null ? -1 : ordered.findIndex((row) => row.id === symbol));

  useEffect(() => virtual.measure(), [virtual, rowPx]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it runs once, with what is on the page then
  useEffect(() => {
    if (leftAt === null) return;
    virtual.scrollToIndex(indexOf(leftAt), { align: "center" });
    scroller.current?.focus({ preventScroll: true });
    // Only on return: later the viewer scrolls.
  }, []);
  useEffect(() => {
    leftAt = active;
  }, [active]);

  const onPoint = useCallback((symbol: string) => setActive(symbol), []);
  const onFocus = (event: FocusEvent) => {
    if (event.target === scroller.current && indexOf(active) < 0) setActive(ordered[0]?.id ?? null);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== scroller.current || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = indexOf(active);
    const page = Math.max(1, Math.floor(scroller.current.clientHeight / rowPx) - 2);
    const next = steps(event.key, at, ordered.length, page);
    if (next !== null) {
      setActive(ordered[next]?.id ?? null);
      virtual.scrollToIndex(next);
    } else if (event.key === "Enter" && at >= 0) go({ symbol: active }, "push");
    else if (event.key === "f" && active !== null) toggleFavourite(active);
    else return;
    event.preventDefault();
  };
  const shown = columns.filter(({ id }) => isShown(id ?? "", isNarrow));
  const isActiveShown = virtual.getVirtualItems().some(({ index }) => ordered[index]?.id === active);

  return (
    <div
      ref={scroller}
      id="market"
      className="grid"
      role="grid"
      aria-label="Rates of all instruments"
      aria-rowcount={ordered.length + 1}
      aria-colcount={shown.length}
      aria-activedescendant={active !== null && isActiveShown ? rowId(active) : undefined}
      tabIndex={0}
      data-layout={isNarrow ? "narrow" : "wide"}
      data-columns={sources.length > 1 ? "all" : "own"}
      style={{ "--sources": sources.length > 1 ? sources.length : 0 } as React.CSSProperties}
      onFocus={onFocus}
      onKeyDown={onKeyDown}
    >
      <div className="sheet" style={{ height: virtual.getTotalSize() }}>
        <div role="rowgroup" className="head">
          <div role="row" aria-rowindex={1} className="row">
            {table.getHeaderGroups()[0]?.headers.filter(({ column }) => isShown(column.id, isNarrow)).map((header) => (
              <div key={header.id} role="columnheader" className={cellClass(header.column.id)} aria-sort={sortOf(header.column.id, address)}>
                {header.column.getCanSort() ? (
                  <button type="button" onClick={() => sortBy(header.column.id as SortKey, address)}>
                    <FlexRender header={header} />
                    <span aria-hidden="true">{header.column.id === address.sort ? (address.descending ? " ↓" : " ↑") : ""}</span>
                  </button>
                ) : (
                  <span className={header.column.id === "favourite" ? "unseen" : undefined}>
                    <FlexRender header={header} />
                  </span>
                )}
              </div>
            ))}
          </div>
        </div>
        <div role="rowgroup">
          {virtual.getVirtualItems().map(({ index, start }) => {
            const row = ordered[index];
            return row && <TableRow key={row.id} row={row} index={index} top={start} isActive={row.id === active} isNarrow={isNarrow} onPoint={onPoint} />;
          })}
        </div>
      </div>
    </div>
  );
}

function sortOf(column: string, { sort, descending }: Address): "ascending" | "descending" | undefined {
  if (column !== sort) return undefined;
  return descending ? "descending" : "ascending";
}

function sortBy(column: SortKey, { sort, descending }: Address): void {
  go({ sort: column, descending: column === sort ? !descending : !UPWARDS_FIRST.includes(column) });
}
