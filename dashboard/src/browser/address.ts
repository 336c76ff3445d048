// The state of the page that a link can carry: search, sort order, watchlist, the open instrument and its chart.
import { useSyncExternalStore } from "react";
import { type ChartAddress, FIRST_CHART, formatChart, parseChart } from "./chart-address";
import { type ConverterAddress, FIRST_CONVERTER, FIRST_SPREADS, formatView, parseConverter, parseSpreads, parseView, type SpreadsAddress, type View } from "./view-address";

export const SORT_KEYS = ["symbol", "price", "lead", "change1h", "change", "change7d", "volume", "spread", "age"] as const;
/** A column of the market table, or the column of a source: `source:KRAKEN`. */
export type SortKey = (typeof SORT_KEYS)[number] | `source:${string}`;

/** A watchlist in a link. */
export interface SharedList {
  name: string;
  symbols: readonly string[];
}

export interface Address {
  search: string;
  /** Null: by volume, and by relevance while there is a search. */
  sort: SortKey | null;
  descending: boolean;
  /** The name of a watchlist of this browser; "" is the list of favourites, null is all instruments. */
  list: string | null;
  /** A list that came with the link; it goes before `list`. */
  shared: SharedList | null;
  symbol: string | null;
  /** Of the open instrument; without one it is that of a first visit. */
  chart: ChartAddress;
  /** What is shown while no instrument is open. */
  view: View;
  spreads: SpreadsAddress;
  converter: ConverterAddress;
}

export const FIRST_SORT: SortKey = "volume";
/** Longer lists do not fit into every server's limit of an address. */
export const LONGEST_SHARED_LIST = 400;
const LONGEST_NAME = 60;
const listeners = new Set<() => void>();
let shown: { query: string; address: Address } | null = null;

/** Parses a query string; unknown or invalid parts get their defaults. */
export function parseAddress(query: string): Address {
  const given = new URLSearchParams(query);
  const view = given.has("symbol") ? "market" : parseView(given);
  const sort = parseSort(given.get("sort"));
  const name = given.get("list");
  return {
    search: given.get("q") ?? "",
    sort,
    descending: given.has("dir") ? given.get("dir") === "desc" : sort === null || sort === FIRST_SORT,
    list: given.get("favourites") === "1" ? "" : name,
    shared: given.has("symbols") ? { name: (name ?? "").slice(0, LONGEST_NAME), symbols: parseSymbols(given.get("symbols") ?? "") } : null,
    symbol: readSymbol(given.get("symbol")),
    chart: given.has("symbol") ? parseChart(given) : FIRST_CHART,
    view,
    spreads: view === "spreads" ? parseSpreads(given) : FIRST_SPREADS,
    converter: view === "converter" ? parseConverter(given) : FIRST_CONVERTER,
  };
}

/** The shortest query string that parses to `address`. */
export function formatAddress(address: Address): string {
  const query = new URLSearchParams();
  if (address.symbol !== null) {
    query.set("symbol", address.symbol);
    formatChart(query, address.chart);
  } else formatView(query, address.view, address.spreads, address.converter);
  if (address.search !== "") query.set("q", address.search);
  if (address.sort !== null) query.set("sort", address.sort);
  if (address.descending !== (address.sort === null || address.sort === FIRST_SORT)) query.set("dir", address.descending ? "desc" : "asc");
  if (address.shared !== null) {
    if (address.shared.name !== "") query.set("list", address.shared.name);
    query.set("symbols", address.shared.symbols.slice(0, LONGEST_SHARED_LIST).join());
  } else if (address.list === "") query.set("favourites", "1");
  else if (address.list !== null) query.set("list", address.list);
  // Slashes, colons and commas are allowed in a query, and a symbol and a time are easier to read with them.
  const text = query.toString().replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%2C", ",");
  return text === "" ? "/" : `/?${text}`;
}

function parseSort(text: string | null): SortKey | null {
  if (text !== null && /^source:[A-Z][A-Z0-9_]*$/.test(text)) return text as SortKey;
  return SORT_KEYS.find((key) => key === text) ?? null;
}

function parseSymbols(text: string): string[] {
  const symbols = text.toUpperCase().split(",").filter((symbol) => /^[^/\s]+\/[^/\s]+$/.test(symbol));
  return [...new Set(symbols)].slice(0, LONGEST_SHARED_LIST);
}

/** Reads a symbol as people write it: "btc/usdt", "BTC-USDT". What has no separator is left for the gateway to reject with a hint. */
function readSymbol(text: string | null): string | null {
  const upper = text?.normalize("NFKC").trim().toUpperCase() ?? null;
  return upper === null || upper.includes("/") ? upper : upper.replace(/[-_ ]/, "/");
}

/** The address that the browser shows. */
export function currentAddress(): Address {
  if (shown?.query !== location.search) shown = { query: location.search, address: parseAddress(location.search) };
  return shown.address;
}

/** Replaces a part of the chart's state. */
export function goChart(change: Partial<ChartAddress>): void {
  go({ chart: { ...currentAddress().chart, ...change } });
}

/** Navigates to another page of the dashboard (`push`), or replaces the state of the current one. */
export function go(change: Partial<Address>, how: "push" | "replace" = "replace"): void {
  const address = formatAddress({ ...currentAddress(), ...change });
  if (how === "push") history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  for (const listener of listeners) listener();
}

function onChange(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

export function useAddress(): Address {
  return useSyncExternalStore(onChange, currentAddress);
}
