// The instruments that the market shows, filtered by search and favourites.
import type { AssetNames } from "../stores/asset-names";
import type { InstrumentRow } from "../stores/instrument-row";

/** Every word must be in the symbol, the asset's name or a source's name. */
export function select(
  rows: Iterable<InstrumentRow>,
  search: string,
  names: AssetNames,
  only: ReadonlySet<string> | null,
): InstrumentRow[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen: InstrumentRow[] = [];
  for (const row of rows) {
    if (only !== null && !only.has(row.symbol)) continue;
    if (words.length > 0) {
      const text = `${row.symbol} ${names.of(row.base)} ${[...row.quotes.keys()].join(" ")}`.toLowerCase();
      if (!words.every((word) => text.includes(word))) continue;
    }
    chosen.push(row);
  }
  return chosen;
}
