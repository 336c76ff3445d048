// The state of the page that a link can carry: search, sort order, favourites filter, and the open instrument.
import { useSyncExternalStore } from "react";

export const SORT_KEYS = ["symbol", "price", "change", "volume", "spread", "age"] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Address {
  search: string;
  sort: SortKey;
  descending: boolean;
  favouritesOnly: boolean;
  symbol: string | null;
}

const HOME: Address = { search: "", sort: "volume", descending: true, favouritesOnly: false, symbol: null };
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
  };
}

/** The shortest query string that parses to `address`. */
export function formatAddress(address: Address): string {
  const query = new URLSearchParams();
  if (address.symbol !== null) query.set("symbol", address.symbol);
  if (address.search !== "") query.set("q", address.search);
  if (address.sort !== HOME.sort) query.set("sort", address.sort);
  if (address.descending !== (address.sort === HOME.sort)) query.set("dir", address.descending ? "desc" : "asc");
  if (address.favouritesOnly) query.set("favourites", "1");
  // Slashes are allowed in a query, and a symbol is easier to read with one.
  const text = query.toString().replaceAll("%2F", "/");
  return text === "" ? "/" : `/?${text}`;
}

function current(): Address {
  if (shown?.query !== location.search) shown = { query: location.search, address: parseAddress(location.search) };
  return shown.address;
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
