// The state of the page that a link can carry: search, sort order, favourites filter, the open instrument and its chart.
import { useSyncExternalStore } from "react";
import { type ChartAddress, FIRST_CHART, formatChart, parseChart } from "./chart-address";

export const SORT_KEYS = ["symbol", "price", "change", "volume", "spread", "age"] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Address {
  search: string;
  sort: SortKey;
  descending: boolean;
  favouritesOnly: boolean;
  symbol: string | null;
  /** Of the open instrument; without one it is that of a first visit. */
  chart: ChartAddress;
}

const HOME: Address = { search: "", sort: "volume", descending: true, favouritesOnly: false, symbol: null, chart: FIRST_CHART };
const listeners = new Set<() => void>();
let shown: { query: string; address: Address } | null = null;

/** Parses a query string; unknown or invalid parts get their defaults. */
export function parseAddress(query: string): Address {
  const given = new URLSearchParams(query);
  const sort = SORT_KEYS.find((key) => key === given.get("sort")) ?? HOME.sort;
  return {
    search: given.get("q") ?? "",
    sort,
    descending: given.has("dir") ? given.get("dir") === "desc" : sort === HOME.sort,
    favouritesOnly: given.get("favourites") === "1",
    symbol: given.get("symbol"),
    chart: given.has("symbol") ? parseChart(given) : FIRST_CHART,
  };
}

/** The shortest query string that parses to `address`. */
export function formatAddress(address: Address): string {
  const query = new URLSearchParams();
  if (address.symbol !== null) {
    query.set("symbol", address.symbol);
    formatChart(query, address.chart);
  }
  if (address.search !== "") query.set("q", address.search);
  if (address.sort !== HOME.sort) query.set("sort", address.sort);
  if (address.descending !== (address.sort === HOME.sort)) query.set("dir", address.descending ? "desc" : "asc");
  if (address.favouritesOnly) query.set("favourites", "1");
  // Slashes and colons are allowed in a query, and a symbol and a time are easier to read with them.
  const text = query.toString().replaceAll("%2F", "/").replaceAll("%3A", ":");
  return text === "" ? "/" : `/?${text}`;
}

function current(): Address {
  if (shown?.query !== location.search) shown = { query: location.search, address: parseAddress(location.search) };
  return shown.address;
}

/** Replaces a part of the chart's state. */
export function goChart(change: Partial<ChartAddress>): void {
  go({ chart: { ...current().chart, ...change } });
}

/** Navigates to another page of the dashboard (`push`), or replaces the state of the current one. */
export function go(change: Partial<Address>, how: "push" | "replace" = "replace"): void {
  const address = formatAddress({ ...current(), ...change });
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
  return useSyncExternalStore(onChange, current);
}
