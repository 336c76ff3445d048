// What the viewer types into the search: words, and filters such as `source:kraken`, `quote:usd`, `stale`, `suspect`.
import type { Freshness } from "../rates/freshness";
import type { InstrumentRow } from "../stores/instrument-row";
import { isSuspect } from "./suspect";

export interface SearchQuery {
  /** Everything that is not a filter, as typed. */
  words: string;
  /** Codes in upper case; a row must have one of them. */
  sources: readonly string[];
  quotes: readonly string[];
  isStale: boolean;
  isSuspect: boolean;
}

const FLAGS = ["stale", "suspect"] as const;
const KEYS = ["source:", "quote:"] as const;
/** So many letters tell a filter from the start of any word. */
const SHORTEST_START = 2;

export function parseSearch(text: string): SearchQuery {
  const words: string[] = [];
  const found = { sources: [] as string[], quotes: [] as string[], isStale: false, isSuspect: false };
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const lower = word.toLowerCase();
    if (lower === "stale") found.isStale = true;
    else if (lower === "suspect") found.isSuspect = true;
    else if (lower.startsWith("source:") && lower.length > 7) found.sources.push(lower.slice(7).toUpperCase());
    else if (lower.startsWith("quote:") && lower.length > 6) found.quotes.push(lower.slice(6).toUpperCase());
    else words.push(word);
  }
  return { words: words.join(" "), ...found };
}

/** Whether a row passes the filters; the words are not looked at. */
export function passes(row: InstrumentRow, query: SearchQuery, freshnessOf: (source: string) => Freshness | null): boolean {
  const { sources, quotes } = query;
  if (quotes.length > 0 && !quotes.includes(row.quote)) return false;
  if (sources.length > 0 && !sources.some((source) => row.quotes.has(source) || row.missing.has(source))) return false;
  if (query.isSuspect && ![...row.missing.values()].some(isSuspect)) return false;
  if (!query.isStale) return true;
  return [...row.quotes.keys()].some((source) => (sources.length === 0 || sources.includes(source)) && freshnessOf(source) !== "FRESH");
}

/** A text that completes the last word, and what it does. */
export interface Completion {
  text: string;
  meaning: string;
}

/** The filters that the last word of `text` begins, with the sources and quote assets of the market. */
export function completionsOf(text: string, sources: readonly string[], quotes: readonly string[]): Completion[] {
  const last = /\S*$/.exec(text)?.[0].toLowerCase() ?? "";
  const before = text.slice(0, text.length - last.length);
  const all: Completion[] = [];
  const isKey = KEYS.some((key) => last.startsWith(key));
  if (!isKey && last.length >= SHORTEST_START) {
    for (const flag of FLAGS) if (flag.startsWith(last) && flag !== last) all.push({ text: flag, meaning: flag === "stale" ? "with a price past its time to live" : "with a source that may mean another coin" });
    for (const key of KEYS) if (key.startsWith(last)) all.push({ text: key, meaning: key === "source:" ? "that a source publishes" : "that are priced in an asset" });
  }
  if (last.startsWith("source:")) all.push(...valuesOf("source:", last, sources));
  if (last.startsWith("quote:")) all.push(...valuesOf("quote:", last, quotes));
  return all.map((each) => ({ ...each, text: `${before}${each.text}${each.text.endsWith(":") ? "" : " "}` }));
}

function valuesOf(key: string, typed: string, codes: readonly string[]): Completion[] {
  return codes
    .map((code) => `${key}${code.toLowerCase()}`)
    .filter((each) => each.startsWith(typed) && each !== typed)
    .map((text) => ({ text, meaning: "" }));
}
