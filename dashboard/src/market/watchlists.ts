// The named watchlists, stored in this browser only. The favourites are the list without a name.
import { LONGEST_SHARED_LIST } from "../browser/address";
import { Remembered } from "../browser/remembered";
import { favourites, toggleFavourite } from "./favourites";

export type Watchlists = ReadonlyMap<string, ReadonlySet<string>>;

export const FAVOURITES = "";
export const LONGEST_NAME = 60;
const MOST_LISTS = 50;

/** Reads what is stored; what is not of this shape is left out. */
export function readWatchlists(stored: string | null): Watchlists {
  const lists = new Map<string, ReadonlySet<string>>();
  for (const [name, symbols] of entriesOf(stored).slice(0, MOST_LISTS)) {
    if (name === "" || name.length > LONGEST_NAME || !Array.isArray(symbols)) continue;
    lists.set(name, new Set(symbols.filter((symbol) => typeof symbol === "string").slice(0, LONGEST_SHARED_LIST)));
  }
  return lists;
}

function entriesOf(stored: string | null): [string, unknown][] {
  try {
    const read: unknown = JSON.parse(stored ?? "{}");
    return typeof read === "object" && read !== null ? Object.entries(read) : [];
  } catch {
    return [];
  }
}

export const watchlists = new Remembered("watchlists", readWatchlists);

function keep(lists: Watchlists): void {
  watchlists.set(lists, JSON.stringify(Object.fromEntries([...lists].map(([name, symbols]) => [name, [...symbols]]))));
}

/** The symbols of a list; none if there is no such list. */
export function symbolsOf(name: string): ReadonlySet<string> {
  return name === FAVOURITES ? favourites.value : (watchlists.value.get(name) ?? new Set());
}

export function toggleInList(name: string, symbol: string): void {
  const list = watchlists.value.get(name);
  if (name === FAVOURITES || list === undefined) {
    toggleFavourite(symbol);
    return;
  }
  const changed = new Set(list);
  if (!changed.delete(symbol)) changed.add(symbol);
  keep(new Map(watchlists.value).set(name, changed));
}

/** A name that no list has yet: "Mine", "Mine 2". */
export function freeName(wanted: string): string {
  const name = wanted.trim().slice(0, LONGEST_NAME) || "List";
  if (!watchlists.value.has(name)) return name;
  for (let number = 2; ; number++) {
    const numbered = `${name.slice(0, LONGEST_NAME - 4)} ${number}`;
    if (!watchlists.value.has(numbered)) return numbered;
  }
}

/** Adds a list and returns its name. */
export function addList(wanted: string, symbols: Iterable<string> = []): string {
  const name = freeName(wanted);
  keep(new Map(watchlists.value).set(name, new Set(symbols)));
  return name;
}

/** Gives a list another name, in its place, and returns it. */
export function renameList(name: string, wanted: string): string {
  if (wanted.trim() === name || wanted.trim() === "") return name;
  const renamed = freeName(wanted);
  keep(new Map([...watchlists.value].map(([each, symbols]) => [each === name ? renamed : each, symbols])));
  return renamed;
}

export function removeList(name: string): void {
  const lists = new Map(watchlists.value);
  lists.delete(name);
  keep(lists);
}
