// The exact text of the active cell, which the table may show in fewer digits. It lies over the foot of the table.
import { useState } from "react";
import type { InstrumentRow } from "../stores/instrument-row";
import type { MarketColumn } from "./columns";
import { useMarketRow } from "./use-rows";

interface Props {
  row: InstrumentRow;
  column: MarketColumn | undefined;
  onClose(): void;
}

export function FigureBar({ row, column, onClose }: Props) {
  useMarketRow(row);
  const [isCopied, setCopied] = useState(false);
  const text = column?.text?.(row) ?? "";
  if (column === undefined || text === "") return null;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      // The browser forbids it: the text can be marked.
    }
  };
  return (
    <aside className="figure-bar" aria-label="Exact figure">
      <span>
        {row.symbol} · {column.long}
      </span>
      <output className="exact">{text}</output>
      <button type="button" onClick={() => void copy()}>
        {isCopied ? "Copied" : "Copy"}
      </button>
      <button type="button" aria-label="Close the exact figure" onClick={onClose}>
        ×
      </button>
    </aside>
  );
}
