// One row of the market table. It renders when its own instrument changes, independently of the other rows.
import { FlexRender, type Row } from "@tanstack/react-table";
import { type MouseEvent, memo, type PointerEvent } from "react";
import type { InstrumentRow } from "../stores/instrument-row";
import { NAME } from "./column-ids";
import type { features } from "./columns";
import { useMarketRow } from "./use-rows";

export type MarketRow = Row<typeof features, InstrumentRow>;

export interface RowHandlers {
  onPointerDown(event: PointerEvent, row: string): void;
  onClick(event: MouseEvent, row: string): void;
}

interface Props extends RowHandlers {
  row: MarketRow;
  /** Index in the whole table, from 0. */
  index: number;
  top: number;
  isActive: boolean;
  isSelected: boolean;
  /** The column of the active cell, if it is in this row. */
  cell: string | null;
  /** Changes where the columns do. */
  columns: string;
  isInGroup: boolean;
}

export function rowId(row: string): string {
  return `row-${row}`;
}

export function cellId(row: string, column: string): string {
  return `cell-${row}-${column}`;
}

export const TableRow = memo(function TableRow({ row, index, top, isActive, isSelected, cell: activeColumn, isInGroup, onPointerDown, onClick }: Props) {
  const instrument = row.original;
  useMarketRow(instrument);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid has the focus and the keys of all rows
    <div
      role="row"
      id={rowId(row.id)}
      data-symbol={instrument.symbol}
      aria-rowindex={index + 2}
      aria-level={isInGroup ? 2 : undefined}
      aria-selected={isSelected}
      data-active={isActive || undefined}
      className={index % 2 === 0 ? "row" : "row odd"}
      style={{ transform: `translateY(${top}px)` }}
      onPointerDown={(event) => onPointerDown(event, row.id)}
      onClick={(event) => onClick(event, row.id)}
    >
      {row.getVisibleCells().map((cell) => (
        <div
          key={cell.id}
          id={activeColumn === cell.column.id ? cellId(row.id, cell.column.id) : undefined}
          role={cell.column.id === NAME ? "rowheader" : "gridcell"}
          className={cellClass(cell.column.id)}
          data-column={cell.column.id}
          data-active={activeColumn === cell.column.id || undefined}
        >
          <FlexRender cell={cell} />
        </div>
      ))}
    </div>
  );
});

export function cellClass(column: string): string {
  return `cell ${column.split(":")[0]}`;
}
