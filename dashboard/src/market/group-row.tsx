// The row above all instruments of one asset. Its instruments can be folded away.
import type { MouseEvent } from "react";
import { formatVolume } from "../rates/figures";
import { names } from "../stores/session";
import { type MarketRow, rowId } from "./table-row";

interface Props {
  row: MarketRow;
  index: number;
  top: number;
  isActive: boolean;
  columnCount: number;
  onClick(event: MouseEvent, row: string): void;
}

export function GroupRow({ row, index, top, isActive, columnCount, onClick }: Props) {
  const asset = String(row.groupingValue);
  const isOpen = row.getIsExpanded();
  const volume = row.getValue<number | undefined>("volume");
  const count = row.subRows.length;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid has the focus and the keys of all rows
    <div
      role="row"
      id={rowId(row.id)}
      aria-rowindex={index + 2}
      aria-level={1}
      aria-expanded={isOpen}
      data-active={isActive || undefined}
      className="row group"
      style={{ transform: `translateY(${top}px)` }}
      onClick={(event) => onClick(event, row.id)}
    >
      <div role="rowheader" aria-colspan={columnCount} className="cell symbol">
        <span className="fold" aria-hidden="true">
          {isOpen ? "▾" : "▸"}
        </span>
        <b>{asset}</b> <span className="soft">{names.of(asset)}</span>{" "}
        <span className="soft">
          {count} {count === 1 ? "instrument" : "instruments"}
          {volume !== undefined && ` · ${formatVolume(volume)} USD`}
        </span>
      </div>
    </div>
  );
}
