// What the address says of the views beside the market: spreads between sources, and the converter.

export const VIEWS = ["market", "spreads", "converter"] as const;
export type View = (typeof VIEWS)[number];
export const SPREAD_SORT_KEYS = ["symbol", "ask", "bid", "gap", "age"] as const;
export type SpreadSortKey = (typeof SPREAD_SORT_KEYS)[number];

/** What a row of the spread view is: an asset with all its pairs, or a pair. */
export const SPREAD_ROWS = ["asset", "pair"] as const;
export type SpreadRows = (typeof SPREAD_ROWS)[number];

export interface SpreadsAddress {
  rows: SpreadRows;
  sort: SpreadSortKey;
  descending: boolean;
}

/** As typed: what is wrong with it is said on the page. */
export interface ConverterAddress {
  amount: string;
  from: string;
  to: string;
}

export const FIRST_SPREADS: SpreadsAddress = { rows: "asset", sort: "gap", descending: true };
export const FIRST_CONVERTER: ConverterAddress = { amount: "1", from: "BTC", to: "USDT" };
const LONGEST_TEXT = 120;

export function parseView(given: URLSearchParams): View {
  return VIEWS.find((each) => each === given.get("view")) ?? "market";
}

export function parseSpreads(given: URLSearchParams): SpreadsAddress {
  const sort = SPREAD_SORT_KEYS.find((key) => key === given.get("by")) ?? FIRST_SPREADS.sort;
  const rows = SPREAD_ROWS.find((each) => each === given.get("rows")) ?? FIRST_SPREADS.rows;
  return { rows, sort, descending: given.has("order") ? given.get("order") === "desc" : sort === FIRST_SPREADS.sort };
}

export function parseConverter(given: URLSearchParams): ConverterAddress {
  const text = (name: keyof ConverterAddress) => (given.get(name) ?? FIRST_CONVERTER[name]).slice(0, LONGEST_TEXT);
  return { amount: text("amount"), from: text("from"), to: text("to") };
}

/** Adds the view and those of its parts that differ from a first visit. */
export function formatView(query: URLSearchParams, view: View, spreads: SpreadsAddress, converter: ConverterAddress): void {
  if (view === "market") return;
  query.set("view", view);
  if (view === "spreads") {
    if (spreads.rows !== FIRST_SPREADS.rows) query.set("rows", spreads.rows);
    if (spreads.sort !== FIRST_SPREADS.sort) query.set("by", spreads.sort);
    if (spreads.descending !== (spreads.sort === FIRST_SPREADS.sort)) query.set("order", spreads.descending ? "desc" : "asc");
  } else {
    for (const name of ["amount", "from", "to"] as const) if (converter[name] !== FIRST_CONVERTER[name]) query.set(name, converter[name]);
  }
}
