// The market table: only the rows in view are in the document. One tab stop; keys move, mark, select, copy and open.
import { type ExpandedState, type RowSelectionState, type SortingState, useTable } from "@tanstack/react-table";
import { useVirtualizer, type Virtualizer } from "@tanstack/react-virtual";
import { type ClipboardEvent, type FocusEvent, type MouseEvent, type PointerEvent, type RefObject, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { type Address, go } from "../browser/address";
import { useCutEdge } from "../browser/cut-edge";
import { useRemembered } from "../browser/remembered";
import { useMedia } from "../browser/use-media";
import type { InstrumentRow } from "../stores/instrument-row";
import { inView } from "../stores/session";
import { ASSET, LEAD } from "./column-ids";
import { features, type MarketColumn, tableColumns } from "./columns";
import { copiedText } from "./copied-text";
import { FigureBar } from "./figure-bar";
import { useGridKeys } from "./grid-keys";
import { instrumentLink } from "./links";
import { cellId, type MarketRow, placeOf, rowId } from "./row-element";
import { RowsView } from "./rows-view";
import { sortOf, TableHead } from "./table-head";
import { arrange, tableSettings } from "./table-settings";
import { FAVOURITES, toggleInList } from "./watchlists";

const ROW_PX = { normal: 38, compact: 28, narrow: 50, narrowCompact: 34, low: 34 };
const HEAD_PX = 36;
const OVERSCAN = 6;
/** A finger that rests so long asks for the exact figure. */
const LONG_PRESS_MS = 500;
/** Less room for the name, and a second line in it. */
export const NARROW = "(max-width: 40rem)";
/** A window of so little height has rows of one line. */
const LOW = "(max-height: 26rem)";
/** Figures are smaller there. */
const NARROW_SCALE = 0.9;

/** The row that was active when the market was left, restored on return. */
let leftAt: string | null = null;

interface Props {
  rows: InstrumentRow[];
  /** All columns in their first order. */
  columns: readonly MarketColumn[];
  address: Address;
  isRanked: boolean;
  selected: RowSelectionState;
  onSelect(selected: RowSelectionState): void;
}

export function MarketTable({ rows, columns, address, isRanked, selected, onSelect }: Props) {
  const settings = useRemembered(tableSettings);
  const isNarrow = useMedia(NARROW);
  const all = useMemo(() => arrange(columns, settings), [columns, settings]);
  // The second line of a name says whose price it is.
  const isLow = useMedia(LOW);
  const isCompact = settings.isCompact || isLow;
  const isNamedBelow = isNarrow && !isCompact;
  const shown = useMemo(() => all.filter(({ id }) => !settings.hidden.has(id) && !(isNamedBelow && id === LEAD)), [all, settings, isNamedBelow]);
  const [folded, setFolded] = useState<Readonly<Record<string, true>>>({});
  const sort = sortOf(address, isRanked);
  const definitions = useMemo(() => tableColumns(columns), [columns]);
  const sorting = useMemo<SortingState>(() => (sort === null ? [] : [{ id: sort, desc: address.descending }]), [sort, address.descending]);
  const layout = useMemo(
    () => ({
      columnOrder: [ASSET, ...all.map(({ id }) => id)],
      columnVisibility: { [ASSET]: false, ...Object.fromEntries(all.map(({ id }) => [id, shown.some((column) => column.id === id)])) },
      grouping: settings.isGrouped ? [ASSET] : [],
    }),
    [all, shown, settings],
  );
  const expanded = useMemo<ExpandedState>(
    () => (Object.keys(folded).length === 0 ? true : Object.fromEntries(rows.map(({ base }) => [`${ASSET}:${base}`, !folded[`${ASSET}:${base}`]]))),
    [folded, rows],
  );
  const table = useTable({
    features,
    columns: definitions,
    data: rows,
    state: { sorting, ...layout, expanded, rowSelection: selected },
    getRowId: (row) => row.symbol,
    enableSortingRemoval: false,
    autoResetExpanded: false,
    groupedColumnMode: false,
    onRowSelectionChange: (updater) => onSelect(typeof updater === "function" ? updater(selected) : updater),
  });
  const ordered: readonly MarketRow[] = table.getRowModel().rows;
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<string | null>(leftAt);
  const [column, setColumn] = useState<string | null>(null);
  const rowPx = ROW_PX[isNarrow ? (isCompact ? "narrowCompact" : "narrow") : settings.isCompact ? "compact" : isLow ? "low" : "normal"];
  const indexOf = (id: string | null) => (id === null ? -1 : ordered.findIndex((row) => row.id === id));
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
      const range: number[] = [];
      const [first, last] = [Math.max(0, startIndex - overscan), Math.min(count - 1, endIndex + overscan)];
      for (let index = first; index <= last; index++) range.push(index);
      const at = indexOf(active);
      return at >= 0 && (at < first || at > last) ? [...range, at] : range;
    },
  });
  const items = virtual.getVirtualItems();

  const body = useRef<HTMLDivElement>(null);
  const view = useRef<RowsView | null>(null);
  useLayoutEffect(() => {
    if (body.current === null) return;
    view.current = new RowsView(body.current);
    return () => view.current?.stop();
  }, []);
  useLayoutEffect(() => {
    const places = items.flatMap(({ index, start }) => {
      const row = ordered[index];
      if (row === undefined) return [];
      const isActive = row.id === active;
      return [{ row, index, top: start, isActive, isSelected: selected[row.id] === true, cell: isActive ? column : null, isInGroup: settings.isGrouped }];
    });
    view.current?.show(places, { columns: shown, address });
  });
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
  // What is in view changes faster than the rest.
  const visible = items.map(({ index }) => ordered[index]?.original.symbol ?? "").filter(Boolean);
  const visibleKey = visible.join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the symbols
  useEffect(() => inView.show(visible), [visibleKey]);
  useEffect(() => {
    if (active !== null && column !== null) document.getElementById(cellId(active, column))?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [active, column]);

  useFollowed(virtual, ordered, active, scroller);
  useCutEdge(scroller);

  const move = (index: number) => {
    setActive(ordered[index]?.id ?? null);
    virtual.scrollToIndex(index);
  };
  const fold = (id: string) => setFolded(({ [id]: isFolded, ...others }) => (isFolded ? others : { ...others, [id]: true }));
  const onKeyDown = useGridKeys({ scroller, ordered, shown, active, column, rowPx, selected, list: address.list, move, setColumn, fold, onSelect });
  const press = useRef<{ timer: number; wasLong: boolean }>({ timer: 0, wasLong: false });
  const onPointerDown = (event: PointerEvent) => {
    const { row, column: pressed } = placeOf(event.target as Element);
    if (row === null) return;
    setActive(row);
    press.current.wasLong = false;
    if (event.pointerType === "mouse") return setColumn(null);
    window.clearTimeout(press.current.timer);
    press.current.timer = window.setTimeout(() => {
      press.current.wasLong = true;
      setColumn(pressed);
    }, LONG_PRESS_MS);
  };
  const endPress = () => window.clearTimeout(press.current.timer);
  const onClick = (event: MouseEvent) => {
    const target = event.target as Element;
    const row = ordered[indexOf(placeOf(target).row)];
    if (row === undefined) return;
    if (target.closest(".star") !== null) return toggleInList(address.list ?? FAVOURITES, row.original.symbol);
    if (target.closest("a") !== null) return instrumentLink(row.original.symbol).onClick(event);
    if (press.current.wasLong || !(window.getSelection()?.isCollapsed ?? true)) return;
    if (row.getIsGrouped()) fold(row.id);
    // Shift extends from the row that was chosen last, as the library does for checkboxes.
    else if (event.shiftKey) row.getToggleSelectedHandler()({ target: { checked: true }, shiftKey: true });
    else if (event.ctrlKey || event.metaKey) row.toggleSelected();
    else go({ symbol: row.original.symbol }, "push");
  };
  const onScroll = () => {
    endPress();
    scroller.current?.toggleAttribute("data-sideways", scroller.current.scrollLeft > 0);
  };
  const onFocus = (event: FocusEvent) => {
    if (event.target !== scroller.current) return;
    if (indexOf(active) < 0) setActive(ordered[0]?.id ?? null);
    // The order may have changed while the focus was elsewhere. A click has made its own row the active one.
    else if (event.target.matches(":focus-visible")) virtual.scrollToIndex(indexOf(active));
  };
  const onCopy = (event: ClipboardEvent) => {
    const text = copiedText({ grid: scroller.current, ordered, shown, active, column, selected });
    if (text === null) return;
    event.preventDefault();
    event.clipboardData.setData("text/plain", text);
  };
  const activeRow = ordered[indexOf(active)];
  const isActiveShown = items.some(({ index }) => ordered[index]?.id === active);
  const activeId = active === null || !isActiveShown ? undefined : column === null || activeRow?.getIsGrouped() ? rowId(active) : cellId(active, column);
  const widths = shown.map(({ width, narrowWidth = width * NARROW_SCALE }) => (isNarrow ? narrowWidth : width));

  return (
    <div className="grid-frame cut-edge">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: both of its roles are interactive */}
      {/* biome-ignore lint/a11y/useAriaPropsSupportedByRole: both of its roles have a label */}
      <div
        ref={scroller}
        id="market"
        className="grid"
        role={settings.isGrouped ? "treegrid" : "grid"}
        aria-label="Rates of all instruments"
        aria-multiselectable="true"
        aria-rowcount={ordered.length + 1}
        aria-colcount={shown.length}
        aria-activedescendant={activeId}
        tabIndex={0}
        data-layout={isNarrow ? "narrow" : "wide"}
        data-density={isCompact ? "compact" : "normal"}
        style={{ "--template": template(widths, isNarrow), "--least": `${widths.reduce((sum, width) => sum + width, 0)}rem`, "--row": `${rowPx}px` } as React.CSSProperties}
        onFocus={onFocus}
        onKeyDown={onKeyDown}
        onCopy={onCopy}
        onPointerUp={endPress}
        onPointerCancel={endPress}
        onScroll={onScroll}
      >
        <div className="sheet" style={{ height: virtual.getTotalSize() }}>
          <TableHead columns={shown} all={all} address={address} sort={sort} />
          {/* biome-ignore lint/a11y/useKeyWithClickEvents: the grid has the focus and the keys of all rows */}
          <div ref={body} role="rowgroup" className="rows" onPointerDown={onPointerDown} onClick={onClick} />
        </div>
      </div>
      {activeRow !== undefined && column !== null && !activeRow.getIsGrouped() && (
        <FigureBar key={`${activeRow.id} ${column}`} row={activeRow.original} column={shown.find(({ id }) => id === column)} onClose={() => setColumn(null)} />
      )}
    </div>
  );
}

/** Scrolls to the active row where another order has taken it out of view while the keys are used. */
function useFollowed(virtual: Virtualizer<HTMLDivElement, Element>, ordered: readonly MarketRow[], active: string | null, scroller: RefObject<HTMLDivElement | null>): void {
  const seen = useRef<{ ordered: readonly MarketRow[]; id: string | null }>({ ordered, id: null });
  useEffect(() => {
    const index = ordered.findIndex(({ id }) => id === active);
    const { startIndex, endIndex } = virtual.range ?? { startIndex: 0, endIndex: -1 };
    const isInView = index >= startIndex && index <= endIndex;
    const hasMoved = ordered !== seen.current.ordered && seen.current.id === active;
    if (hasMoved && index >= 0 && !isInView && scroller.current?.matches(":focus-visible")) virtual.scrollToIndex(index);
    seen.current = { ordered, id: isInView ? active : null };
  });
}

/** Columns grow evenly beyond their widths in rem; on a desk the name, which comes first, grows most. */
function template(widths: readonly number[], isNarrow: boolean): string {
  return widths.map((width, place) => `minmax(${width.toFixed(2)}rem, ${place === 0 && !isNarrow ? 2 : 1}fr)`).join(" ");
}
