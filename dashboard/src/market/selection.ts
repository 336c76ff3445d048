// The instruments that the market shows, filtered by search and favourites.
import type { AssetNames } from "../stores/asset-names";
import type { InstrumentRow } from "../stores/instrument-row";

const SEPARATORS = /[^\p{L}\p{M}\p{N}]/gu;

/** Every word must be in the symbol, the asset's name, both with or without their separators, or a source's name. */
export function select(
  rows: Iterable<InstrumentRow>,
  search: string,
  names: AssetNames,
  only: ReadonlySet<string> | null,
): InstrumentRow[] {
  const words = search.normalize("NFKC").toLowerCase().split(/\s+/).filter(Boolean);
  const chosen: InstrumentRow[] = [];
  for (const row of rows) {
    if (only !== null && !only.has(row.symbol)) continue;
    if (words.length > 0) {
      const text = `${row.symbol} ${names.of(row.base)} ${[...row.quotes.keys()].join(" ")}`.toLowerCase();
      const joined = [row.symbol, names.of(row.base)].map((each) => each.toLowerCase().replace(SEPARATORS, ""));
      if (!words.every((word) => text.includes(word) || includesJoined(joined, word))) continue;
    }
    chosen.push(row);
  }
  return chosen;
}

/** Whether a spelling such as `btcusdt`, `BTC-USD` or `btc_usd` is a part of one of the texts. */
function includesJoined(texts: readonly string[], word: string): boolean {
  const joined = word.replace(SEPARATORS, "");
  return joined !== "" && texts.some((text) => text.includes(joined));
}
