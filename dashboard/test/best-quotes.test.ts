import { expect, test } from "vitest";
import { type BestQuotes, findBestQuotes, type Quote, type UsdValue } from "../src/spreads/best-quotes";
import { ordered } from "../src/spreads/ordered";
import { QuoteBook, type SpreadRate } from "../src/spreads/quote-book";
import { SpreadsTable } from "../src/spreads/spreads-table";
import { ServerClock } from "../src/rates/server-clock";

const NOW = Date.parse("2026-11-29T12:00:00Z");
const USDT = "Asset:tether";
const USD = "Asset:usd";

function quote(source: string, bid: string, ask: string, change: Partial<Quote> & { ageMs?: number } = {}): Quote {
  const { ageMs = 1_000, ...rest } = change;
  return { symbol: "BTC/USDT", source, bid, ask, quotedAtMs: NOW - ageMs, ttlMs: 10_000, simulated: false, base: "Asset:bitcoin", quote: USDT, ...rest };
}

const inDollars = (source: string, bid: string, ask: string, change: Partial<Quote> = {}) => quote(source, bid, ask, { symbol: "BTC/USD", quote: USD, ...change });
const values = (tether: Partial<UsdValue> | null) => (currency: string): UsdValue | null => {
  if (currency === USD) return { rate: 1, observedAtMs: Number.POSITIVE_INFINITY, simulated: false };
  return tether === null ? null : { rate: 0.99, observedAtMs: NOW - 4_000, simulated: false, ...tether };
};
const find = (...quotes: Quote[]) => findBestQuotes("BTC/USDT", quotes, () => null, NOW);

test("the lowest ask and the highest bid are found exactly, and the gap is between them", () => {
  const found = find(quote("OKX", "99.9999999999999999", "100.2"), quote("KRAKEN", "100.0000000000000001", "100.3"), quote("BYBIT", "100", "100.1"));
  expect(found).toMatchObject({ kind: "found", quotes: { ask: { source: "BYBIT", price: "100.1" }, bid: { source: "KRAKEN", price: "100.0000000000000001" }, sources: 3, valuedAtMs: null } });
  expect(found.kind === "found" && found.quotes.gapBps).toBeCloseTo(-9.995, 2);
});

test("a bid above the ask of another source is a positive gap", () => {
  const found = find(quote("OKX", "101", "101.5"), quote("KRAKEN", "100", "100.5"));
  expect(found.kind === "found" && found.quotes.gapBps).toBeGreaterThan(0);
});

test("only fresh quotes count: the age of the quote, not that of the rate", () => {
  const old = quote("OKX", "109", "109.5", { ageMs: 10_001 });
  expect(find(old, quote("KRAKEN", "100", "100.5"))).toEqual({ kind: "lonely" });
  expect(find(quote("OKX", "109", "109.5", { ageMs: 10_000 }), quote("KRAKEN", "100", "100.5")).kind).toBe("found");
});

test("simulated quotes are never compared with live ones", () => {
  const simulated = quote("OKX", "109", "109.5", { simulated: true });
  expect(find(simulated, quote("KRAKEN", "100", "100.5"))).toEqual({ kind: "lonely" });
  const found = find(simulated, quote("BINANCE", "110", "110.5", { simulated: true }), quote("KRAKEN", "100", "100.5"), quote("BYBIT", "100.1", "100.4"));
  expect(found).toMatchObject({ quotes: { bid: { source: "BYBIT" }, ask: { source: "BYBIT" }, sources: 2 } });
});

test("quotes of other assets are not compared", () => {
  const other = quote("OKX", "109", "109.5", { base: "Asset:other" });
  expect(find(other, quote("KRAKEN", "100", "100.5"), quote("BINANCE", "100.1", "100.4"))).toMatchObject({ quotes: { bid: { source: "BINANCE" }, ask: { source: "BINANCE" }, sources: 2 } });
});

test("quotes that are a fifth apart are doubted", () => {
  expect(find(quote("OKX", "130", "131"), quote("KRAKEN", "100", "100.5"))).toEqual({ kind: "doubtful" });
});

test("quotes in two currencies are compared by what these are worth, whose age counts", () => {
  // 100 USDT are 99 USD: the seller in USDT is the cheaper one, although the figure is higher.
  const quotes = [quote("OKX", "99.9", "100"), inDollars("KRAKEN", "99.2", "99.3")];
  const found = findBestQuotes("Asset:bitcoin", quotes, values({}), NOW);
  expect(found).toMatchObject({ kind: "found", quotes: { ask: { source: "OKX", price: "100" }, bid: { source: "KRAKEN", price: "99.2" }, sources: 2, valuedAtMs: NOW - 4_000 } });
  expect(found.kind === "found" && found.quotes.gapBps).toBeCloseTo(20.18, 1);
});

test("a currency without a fresh value is compared with itself only", () => {
  const quotes = [quote("OKX", "99.9", "100"), quote("BYBIT", "99.8", "100.1"), inDollars("KRAKEN", "99.2", "99.3")];
  expect(findBestQuotes("Asset:bitcoin", quotes, values(null), NOW)).toMatchObject({ quotes: { ask: { source: "OKX" }, bid: { source: "OKX" }, sources: 2, valuedAtMs: null } });
  expect(findBestQuotes("Asset:bitcoin", quotes.slice(1), values(null), NOW)).toEqual({ kind: "lonely" });
});

test("one source with two pairs is one source", () => {
  expect(findBestQuotes("Asset:bitcoin", [quote("KRAKEN", "100", "100.5"), inDollars("KRAKEN", "99.2", "99.3")], values({}), NOW)).toEqual({ kind: "lonely" });
});

test("rows are ordered by exact prices, and equal ones by name", () => {
  const row = (symbol: string, price: string, gapBps: number): BestQuotes => {
    const each = { source: "OKX", symbol, price, quotedAtMs: NOW, currency: USD, value: Number(price) };
    return { key: symbol, ask: each, bid: each, gapBps, sources: 2, valuedAtMs: null };
  };
  const rows = [row("B/USD", "10.000000000000000001", 1), row("A/USD", "10.000000000000000002", 1), row("C/USD", "9", 5)];
  const names = (sort: "ask" | "gap" | "symbol", descending: boolean) => ordered(rows, { sort, descending }).map(({ key }) => key);
  expect(names("ask", true)).toEqual(["A/USD", "B/USD", "C/USD"]);
  expect(names("gap", true)).toEqual(["C/USD", "A/USD", "B/USD"]);
  expect(names("symbol", false)).toEqual(["A/USD", "B/USD", "C/USD"]);
  expect(names("symbol", true)).toEqual(["C/USD", "B/USD", "A/USD"]);
});

function rate(symbol: string, source: SpreadRate["source"]["code"], bid: string | null, ask: string | null): SpreadRate {
  return { symbol, source: { code: source }, bid, ask, quotedAt: bid === null ? null : new Date(NOW - 1_000).toISOString(), ttlMs: 10_000, simulated: false };
}

function bookOf(...rates: SpreadRate[]): QuoteBook {
  const book = new QuoteBook();
  book.apply({ kind: "SNAPSHOT", items: rates, unavailable: [] }, true);
  const usd = (symbol: string) => (symbol.endsWith("/USD") ? USD : USDT);
  book.assets = new Map(rates.map(({ symbol, source }) => [`${symbol} ${source.code}`, { base: `Asset:${symbol.split("/")[0]}`, quote: usd(symbol) }]));
  return book;
}

const FIRST = { rows: "asset", sort: "gap", descending: true } as const;

test("a row is an asset with all its pairs, or one pair", () => {
  const book = bookOf(rate("BTC/USDT", "OKX", "99.9", "100"), rate("BTC/USDT", "BYBIT", "99.9", "100"), rate("BTC/USD", "KRAKEN", "99.2", "99.3"), rate("ETH/USD", "KRAKEN", "9", "9.1"));
  const table = new SpreadsTable({ book, usdValueOf: values({}) }, new ServerClock());
  expect(table.read(FIRST, "", () => "", false, NOW)).toMatchObject({ rows: [{ key: "Asset:BTC", sources: 3 }], lonely: 1, doubtful: 0 });
  expect(table.read({ ...FIRST, rows: "pair" }, "", () => "", false, NOW)).toMatchObject({ rows: [{ key: "BTC/USDT", sources: 2 }], lonely: 2 });
  expect(table.read(FIRST, "eth", () => "", false, NOW)).toMatchObject({ rows: [], lonely: 1 });
});

test("figures and places change together, once a second", () => {
  const [btc, eth] = [rate("BTC/USDT", "OKX", "99.9", "100"), rate("ETH/USDT", "OKX", "9.99", "10")];
  const book = bookOf(btc, eth, rate("BTC/USDT", "BYBIT", "99.9", "100"), rate("ETH/USDT", "BYBIT", "9.98", "10"));
  const table = new SpreadsTable({ book, usdValueOf: () => null }, new ServerClock());
  const shown = (nowMs: number) => table.read(FIRST, "", () => "", false, nowMs).rows.map(({ key, bid }) => `${key} ${bid.price}`);
  const before = ["Asset:BTC 99.9", "Asset:ETH 9.99"].sort();
  expect(shown(NOW).sort()).toEqual(before);
  book.apply({ kind: "UPDATE", items: [{ ...eth, bid: "10.5" }], unavailable: [] }, false);
  expect(shown(NOW + 900).sort()).toEqual(before);
  expect(shown(NOW + 1_000)).toEqual(["Asset:ETH 10.5", "Asset:BTC 99.9"]);
});

test("rows keep their places while the viewer is on one of them", () => {
  const both = (symbol: string, bid: string) => (["OKX", "BYBIT"] as const).map((source) => rate(symbol, source, bid, "10"));
  const change = (items: SpreadRate[], lost: string) => book.apply({ kind: "UPDATE", items, unavailable: [{ symbol: lost, source: null, reason: "NOT_YET_SEEN", message: "" }] }, false);
  const book = bookOf(...both("BTC/USDT", "9.9"), ...both("ETH/USDT", "9.8"), ...both("SOL/USDT", "9.7"), ...both("XRP/USDT", "9"));
  change([], "XRP/USDT");
  const table = new SpreadsTable({ book, usdValueOf: () => null }, new ServerClock());
  const read = (second: number, isInUse: boolean, order = {}) => {
    const { rows, isHeld } = table.read({ ...FIRST, ...order }, "", () => "", isInUse, NOW + second * 1_000);
    return `${rows.map(({ key, bid }) => `${key.replace("Asset:", "")} ${bid.price}`).join(", ")}${isHeld ? " held" : ""}`;
  };
  expect(read(0, true)).toBe("BTC 9.9, ETH 9.8, SOL 9.7");
  change([...both("SOL/USDT", "9.95"), ...both("XRP/USDT", "9.85")], "ETH/USDT");
  // The figures are new, what has come follows below.
  expect(read(1, true)).toBe("BTC 9.9, SOL 9.95, XRP 9.85 held");
  expect(read(2, false)).toBe("SOL 9.95, BTC 9.9, XRP 9.85");
  expect(read(3, true)).toBe("SOL 9.95, BTC 9.9, XRP 9.85 held");
  // Who asks for another order gets it. Names have no other places.
  expect(read(4, true, { descending: false })).toBe("XRP 9.85, BTC 9.9, SOL 9.95");
  expect(read(5, true, { sort: "symbol", descending: false })).toBe("BTC 9.9, SOL 9.95, XRP 9.85");
  expect(read(6, true, { sort: "symbol", descending: false })).toBe("BTC 9.9, SOL 9.95, XRP 9.85");
});

test("quotes without both sides, of assets that nobody has reviewed, and of what is gone are none", () => {
  const book = bookOf(rate("BTC/USDT", "OKX", "99.9", "100"), rate("BTC/USDT", "COINGECKO", null, null), rate("BTC/USDT", "BYBIT", "1", "2"));
  const sources = () => [...book.quotes()].map(({ source }) => source);
  expect(sources()).toEqual(["OKX", "BYBIT"]);
  book.apply({ kind: "UPDATE", items: [rate("NEW/USDT", "OKX", "1", "2")], unavailable: [{ symbol: "BTC/USDT", source: { code: "BYBIT" }, reason: "SUSPECT_IDENTITY", message: "" }] }, false);
  expect(sources()).toEqual(["OKX"]);
  book.apply({ kind: "SNAPSHOT", items: [rate("BTC/USDT", "BYBIT", "1", "2")], unavailable: [] }, true);
  expect(sources()).toEqual(["BYBIT"]);
  book.assets = null;
  expect(sources()).toEqual([]);
});
