import { expect, test } from "vitest";
import { completionsOf, parseSearch, passes } from "../src/market/search-query";
import { InstrumentRow } from "../src/stores/instrument-row";

function row(): InstrumentRow {
  const row = new InstrumentRow("BTC/USD");
  for (const code of ["KRAKEN", "COINBASE"] as const)
    row.put({ symbol: "BTC/USD", source: { code }, price: "1", changePercent24h: null, volume24h: null, observedAt: "2026-11-22T12:00:00Z", ttlMs: 10_000 });
  row.lose({ symbol: "BTC/USD", source: { code: "OKX" }, reason: "SUSPECT_IDENTITY", message: "111 times as much" }, true);
  return row;
}

test("filters are told from words, in any case and order", () => {
  expect(parseSearch("  Source:Kraken bit coin quote:usd STALE suspect")).toEqual({ words: "bit coin", sources: ["KRAKEN"], quotes: ["USD"], isStale: true, isSuspect: true });
  expect(parseSearch("source: stalemate")).toMatchObject({ words: "source: stalemate", isStale: false });
});

test.each([
  ["source:kraken", true],
  ["source:okx", true],
  ["source:binance", false],
  ["source:binance source:kraken", true],
  ["quote:usd", true],
  ["quote:usdt", false],
  ["suspect", true],
  ["stale", true],
  ["stale source:kraken", true],
  ["stale source:coinbase", false],
  ["source:kraken quote:usdt", false],
])("a row passes %j: %s", (search, isIn) => {
  expect(passes(row(), parseSearch(search), (source) => (source === "KRAKEN" ? "STALE" : "FRESH"))).toBe(isIn);
});

test("the last word is completed, with the market's sources and quote assets", () => {
  const texts = (text: string) => completionsOf(text, ["BINANCE", "BYBIT", "KRAKEN"], ["USD", "USDT"]).map((each) => each.text);
  expect(texts("so")).toEqual(["source:"]);
  expect(texts("bitcoin source:b")).toEqual(["bitcoin source:binance ", "bitcoin source:bybit "]);
  expect(texts("quote:usd")).toEqual(["quote:usdt "]);
  expect(texts("st")).toEqual(["stale "]);
  expect(texts("SU")).toEqual(["suspect "]);
  expect(["", "s", "bitcoin ", "source:nosuch", "stale"].map(texts)).toEqual([[], [], [], [], []]);
});
