import { expect, test } from "vitest";
import { findBestQuotes } from "../src/spreads/best-quotes";
import { ordered } from "../src/spreads/ordered";
import type { SpreadRate } from "../src/spreads/spreads-feed";

const NOW = Date.parse("2026-11-29T12:00:00Z");
const BTC = () => "Asset:bitcoin Asset:tether";

function rate(source: SpreadRate["source"]["code"], bid: string | null, ask: string | null, change: Partial<SpreadRate> & { ageMs?: number } = {}): SpreadRate {
  const { ageMs = 1_000, ...rest } = change;
  return {
    id: source,
    symbol: "BTC/USDT",
    source: { code: source },
    price: "100",
    changePercent24h: null,
    volume24h: null,
    observedAt: new Date(NOW).toISOString(),
    ttlMs: 10_000,
    simulated: false,
    bid,
    ask,
    bidSize: "1",
    askSize: "2",
    quotedAt: bid === null ? null : new Date(NOW - ageMs).toISOString(),
    ...rest,
  } as SpreadRate;
}

const find = (...rates: SpreadRate[]) => findBestQuotes("BTC/USDT", rates, BTC, NOW);

test("the lowest ask and the highest bid are found exactly, and the gap is between them", () => {
  const found = find(rate("OKX", "99.9999999999999999", "100.2"), rate("KRAKEN", "100.0000000000000001", "100.3"), rate("BYBIT", "100", "100.1"));
  expect(found).toMatchObject({ kind: "found", quotes: { ask: { source: "BYBIT", price: "100.1", size: "2" }, bid: { source: "KRAKEN", price: "100.0000000000000001", size: "1" }, sources: 3 } });
  expect(found.kind === "found" && found.quotes.gapBps).toBeCloseTo(-9.995, 2);
});

test("a bid above the ask of another source is a positive gap", () => {
  const found = find(rate("OKX", "101", "101.5"), rate("KRAKEN", "100", "100.5"));
  expect(found.kind === "found" && found.quotes.gapBps).toBeGreaterThan(0);
});

test("only fresh quotes count: the age of the quote, not that of the rate", () => {
  const old = rate("OKX", "109", "109.5", { ageMs: 10_001 });
  expect(find(old, rate("KRAKEN", "100", "100.5"))).toEqual({ kind: "lonely" });
  expect(find(rate("OKX", "109", "109.5", { ageMs: 10_000 }), rate("KRAKEN", "100", "100.5")).kind).toBe("found");
});

test("a source without quotes is no source of a spread", () => {
  expect(find(rate("COINGECKO", null, null), rate("KRAKEN", "100", "100.5"))).toEqual({ kind: "lonely" });
});

test("simulated quotes are never compared with live ones", () => {
  const simulated = rate("OKX", "109", "109.5", { simulated: true });
  expect(find(simulated, rate("KRAKEN", "100", "100.5"))).toEqual({ kind: "lonely" });
  const found = find(simulated, rate("BINANCE", "110", "110.5", { simulated: true }), rate("KRAKEN", "100", "100.5"), rate("BYBIT", "100.1", "100.4"));
  expect(found).toMatchObject({ quotes: { bid: { source: "BYBIT" }, ask: { source: "BYBIT" }, sources: 2 } });
});

test("quotes of other assets, and of assets that nobody has reviewed, are not compared", () => {
  const assets = (source: string) => (source === "OKX" ? "Asset:other Asset:tether" : source === "BYBIT" ? null : BTC());
  const rates = [rate("OKX", "109", "109.5"), rate("BYBIT", "108", "108.5"), rate("KRAKEN", "100", "100.5"), rate("BINANCE", "100.1", "100.4")];
  expect(findBestQuotes("BTC/USDT", rates, assets, NOW)).toMatchObject({ quotes: { bid: { source: "BINANCE" }, ask: { source: "BINANCE" }, sources: 2 } });
});

test("quotes that are a fifth apart are doubted", () => {
  expect(find(rate("OKX", "130", "131"), rate("KRAKEN", "100", "100.5"))).toEqual({ kind: "doubtful" });
});

test("rows are ordered by exact prices, and equal ones by name", () => {
  const row = (symbol: string, price: string, gapBps: number) => {
    const quote = { source: "OKX", price, size: null, quotedAtMs: NOW };
    return { symbol, ask: quote, bid: quote, gapBps, sources: 2 };
  };
  const rows = [row("B/USD", "10.000000000000000001", 1), row("A/USD", "10.000000000000000002", 1), row("C/USD", "9", 5)];
  expect(ordered(rows, { sort: "ask", descending: true }).map(({ symbol }) => symbol)).toEqual(["A/USD", "B/USD", "C/USD"]);
  expect(ordered(rows, { sort: "gap", descending: true }).map(({ symbol }) => symbol)).toEqual(["C/USD", "A/USD", "B/USD"]);
  expect(ordered(rows, { sort: "symbol", descending: false }).map(({ symbol }) => symbol)).toEqual(["A/USD", "B/USD", "C/USD"]);
});
