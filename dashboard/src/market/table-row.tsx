// One row of the market table. It renders when its own instrument changes, independently of the other rows.
import { FlexRender, type Row } from "@tanstack/react-table";
import { memo } from "react";
import { type features, isShown } from "./columns";
import type { InstrumentRow } from "../stores/instrument-row";
import { useRow } from "./use-rows";

interface Props {
  row: Row<typeof features, InstrumentRow>;
  /** Index in the whole table, from 0. */
  index: number;
  top: number;
  isActive: boolean;
  isNarrow: boolean;
  onPoint(symbol: string): void;
}

export function rowId(symbol: string): string {
  return `row-${symbol}`;
}

export const TableRow = memo(function TableRow({ row, index, top, isActive, isNarrow, onPoint }: Props) {
  const instrument = row.original;
  useRow(instrument);
  return (
    <div
      role="row"
      id={rowId(instrument.symbol)}
      aria-rowindex={index + 2}
      aria-selected={isActive}
      className={index % 2 === 0 ? "row" : "row odd"}
      style={{ transform: `translateY(${top}px)` }}
      onPointerDown={() => onPoint(instrument.symbol)}
    >
      {row.getAllCells().filter(({ column }) => isShown(column.id, isNarrow)).map((cell) => (
        <div key={cell.id} role={cell.column.id === "symbol" ? "rowheader" : "gridcell"} className={cellClass(cell.column.id)}>
          <FlexRender cell={cell} />
        </div>
      ))}
    </div>
  );
});

export function cellClass(column: string): string {
  return `cell ${column.split(":")[0]}`;
}
