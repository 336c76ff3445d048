// The instruments that the market shows, filtered by search and watchlist.
import type { Freshness } from "../rates/freshness";
import type { AssetNames } from "../stores/asset-names";
import type { InstrumentRow } from "../stores/instrument-row";
import type { Ranking } from "./ranked-search";
import { parseSearch, passes } from "./search-query";

const SEPARATORS = /[^\p{L}\p{M}\p{N}]/gu;

export interface Choice {
  search: string;
  names: AssetNames;
  /** The symbols of a watchlist; null for all. */
  only: ReadonlySet<string> | null;
  /** The gateway's answer to the words; until it has come, the page looks itself. */
  ranking: Ranking | null;
  freshnessOf(row: InstrumentRow, source: string): Freshness | null;
}

/** In the order of the ranking if there is one, otherwise in that of `rows`. */
export function select(rows: Iterable<InstrumentRow>, { search, names, only, ranking: answer, freshnessOf }: Choice): InstrumentRow[] {
  const query = parseSearch(search);
  // The gateway does not look for names of sources; the page does.
  const ranking = answer === null || answer.places.size === 0 ? null : answer;
  const words = query.words.normalize("NFKC").toLowerCase().split(/\s+/).filter(Boolean);
  const chosen: InstrumentRow[] = [];
  for (const row of rows) {
    if (only !== null && !only.has(row.symbol)) continue;
    if (!passes(row, query, (source) => freshnessOf(row, source))) continue;
    if (words.length === 0 || ranking?.places.has(row.symbol)) chosen.push(row);
    else if ((ranking === null || ranking.hasMore) && hasWords(row, words, names)) chosen.push(row);
  }
  if (ranking === null || words.length === 0) return chosen;
  const place = (row: InstrumentRow) => ranking.places.get(row.symbol) ?? ranking.places.size;
  return chosen.sort((one, other) => place(one) - place(other));
}

/** Every word must be in the symbol, the asset's name, both with or without their separators, or a source's name. */
function hasWords(row: InstrumentRow, words: readonly string[], names: AssetNames): boolean {
  const text = `${row.symbol} ${names.of(row.base)} ${[...row.quotes.keys()].join(" ")}`.toLowerCase();
  const joined = [row.symbol, names.of(row.base)].map((each) => each.toLowerCase().replace(SEPARATORS, ""));
  return words.every((word) => text.includes(word) || includesJoined(joined, word));
}

/** Whether a spelling such as `btcusdt`, `BTC-USD` or `btc_usd` is a part of one of the texts. */
function includesJoined(texts: readonly string[], word: string): boolean {
  const joined = word.replace(SEPARATORS, "");
  return joined !== "" && texts.some((text) => text.includes(joined));
}
