import { beforeEach, expect, test } from "vitest";
import { decimalsOf, findChange, findHeadline, findSpread, findVolume, type Surroundings } from "../src/market/headline";
import type { MarketConsensusFragment, MarketRateFragment, MarketSummaryFragment, SourceId } from "../src/graphql/generated";
import { ServerClock } from "../src/rates/server-clock";
import { formatFigure } from "../src/rates/significant";
import { InstrumentRow } from "../src/stores/instrument-row";

const NOON_MS = Date.parse("2026-11-22T12:00:00Z");
const ORDER = ["BINANCE", "COINBASE", "KRAKEN", "COINGECKO"];
const EXCHANGES = ["BINANCE", "COINBASE", "KRAKEN"];

let leads: Surroundings["leads"];

beforeEach(() => {
  leads = new Map();
});

function at(nowMs = NOON_MS): Surroundings {
  return { order: ORDER, exchanges: EXCHANGES, clock: new ServerClock(), nowMs, leads };
}

function rate(code: SourceId, symbol: string, price: string, rest: Partial<MarketRateFragment> = {}): MarketRateFragment {
  const ttlMs = code === "COINGECKO" ? 180_000 : 10_000;
  return {
    symbol,
    source: { code },
    price,
    changePercent24h: null,
    volume24h: null,
    observedAt: new Date(NOON_MS).toISOString(),
    ttlMs,
    ...rest,
  };
}

function rowOf(symbol: string, ...rates: [SourceId, string, Partial<MarketRateFragment>?][]): InstrumentRow {
  const row = new InstrumentRow(symbol);
  for (const [code, price, rest] of rates) row.put(rate(code, symbol, price, rest));
  row.isConsensusKnown = true;
  return row;
}

function consensus(symbol: string, price: string, used: [SourceId, string][]): MarketConsensusFragment {
  return {
    symbol,
    price,
    quality: "AGREED",
    observedAt: new Date(NOON_MS).toISOString(),
    contributions: used.map(([code, usedPrice]) => ({ source: { code }, usedPrice, included: true })),
  };
}

test("FLOW/USD has no spread while Coinbase equals Kraken, however far CoinGecko's older price is", () => {
  const row = rowOf("FLOW/USD", ["COINBASE", "0.4000"], ["KRAKEN", "0.4000"], ["COINGECKO", "0.4101"]);
  row.agree(consensus("FLOW/USD", "0.4000", [["COINBASE", "0.4000"], ["KRAKEN", "0.4000"]]));
  expect(findSpread(row, at())?.bps).toBe(0);
  expect(findHeadline(row, at())).toMatchObject({ from: "CONSENSUS", price: "0.4000", sources: 2, freshness: "FRESH" });
});

test("a spread names its ends, and ends with the time to live of its prices", () => {
  const row = rowOf("BTC/USD", ["COINBASE", "99"], ["KRAKEN", "101"]);
  expect(findSpread(row, at())).toBeNull();
  row.agree(consensus("BTC/USD", "100", [["KRAKEN", "101"], ["COINBASE", "99"]]));
  expect(findSpread(row, at())).toMatchObject({ low: ["COINBASE", "99"], high: ["KRAKEN", "101"] });
  expect(findSpread(row, at())?.bps).toBeCloseTo(200, 10);
  expect(findSpread(row, at(NOON_MS + 10_001))).toBeNull();
});

test("what leads before the consensus has come does not count as a lead that is left", () => {
  const row = rowOf("BTC/USD", ["COINBASE", "99"], ["KRAKEN", "101"]);
  row.isConsensusKnown = false;
  expect(findHeadline(row, at())).toMatchObject({ from: "COINBASE", price: "99" });
  row.agree(consensus("BTC/USD", "100", [["KRAKEN", "101"], ["COINBASE", "99"]]));
  expect(findHeadline(row, at(NOON_MS + 500))).toMatchObject({ from: "CONSENSUS", price: "100", before: null });
});

test("the row of another view has the same lead, and waits as long for a better one", () => {
  const rates: [SourceId, string][] = [["COINBASE", "99"], ["KRAKEN", "101"]];
  const row = rowOf("BTC/USD", ...rates);
  expect(findHeadline(row, at())).toMatchObject({ from: "COINBASE" });
  const other = rowOf("BTC/USD", ...rates);
  other.agree(consensus("BTC/USD", "100", [["KRAKEN", "101"], ["COINBASE", "99"]]));
  expect(findHeadline(other, at(NOON_MS + 1_000))).toMatchObject({ from: "COINBASE", price: "99", before: null });
  const now = rates.map(([code, price]): [SourceId, string, Partial<MarketRateFragment>] => [code, price, { observedAt: new Date(NOON_MS + 16_000).toISOString() }]);
  const last = rowOf("BTC/USD", ...now);
  last.agree({ ...consensus("BTC/USD", "100", [["KRAKEN", "101"], ["COINBASE", "99"]]), observedAt: new Date(NOON_MS + 16_000).toISOString() });
  expect(findHeadline(last, at(NOON_MS + 16_000))).toMatchObject({ from: "CONSENSUS", before: "COINBASE" });
});

test("a source that the gateway has not listed yet may lead", () => {
  const row = rowOf("BTC/USD", ["KRAKEN", "101"]);
  expect(findHeadline(row, { ...at(), order: [], exchanges: [] })).toMatchObject({ from: "KRAKEN" });
});

test("an exchange leads before an aggregator, and a stale row keeps its lead and says so", () => {
  const row = rowOf("BTC/USD", ["COINGECKO", "98"], ["KRAKEN", "101"]);
  expect(findHeadline(row, at())).toMatchObject({ from: "KRAKEN", sources: 1 });
  expect(findHeadline(row, at(NOON_MS + 200_000))).toMatchObject({ from: "KRAKEN", freshness: "EXPIRED" });
  expect(findHeadline(new InstrumentRow("A/B"), at())).toBeNull();
});

test("a price moves only when the same lead moves", () => {
  const row = rowOf("BTC/USD", ["COINBASE", "99"], ["KRAKEN", "101"]);
  row.agree(consensus("BTC/USD", "100", [["KRAKEN", "101"], ["COINBASE", "99"]]));
  expect(findHeadline(row, at())).toMatchObject({ direction: null, moves: 0 });
  row.agree(consensus("BTC/USD", "100.5", [["KRAKEN", "102"], ["COINBASE", "99"]]));
  expect(findHeadline(row, at())).toMatchObject({ direction: "up", moves: 1 });
  row.agree(null);
  expect(findHeadline(row, at())).toMatchObject({ from: "COINBASE", before: "CONSENSUS", direction: null, moves: 0 });
});

test("the volume is that of the pair on its exchanges; an aggregator's is that of all markets and does not count", () => {
  const row = rowOf("BTC/JPY", ["BINANCE", "9000000", { volume24h: "2" }], ["KRAKEN", "9000000", { volume24h: "0.5" }], ["COINGECKO", "9000000", { volume24h: "500000" }]);
  expect(findVolume(row, EXCHANGES)).toEqual({ amount: 22_500_000, sources: ["BINANCE", "KRAKEN"] });
  expect(findVolume(rowOf("BTC/JPY", ["COINGECKO", "9000000", { volume24h: "5" }]), EXCHANGES)).toBeNull();
});

test("all prices of a row have the decimals of its exchanges", () => {
  const row = rowOf("BTC/USD", ["COINBASE", "62386.41"], ["KRAKEN", "62386.4"], ["COINGECKO", "62386.4183912345"]);
  const shown = ["COINBASE", "KRAKEN", "COINGECKO"].map((source) => formatFigure(row.quotes.get(source)?.rate.price ?? "", decimalsOf(row, EXCHANGES)));
  expect(shown).toEqual(["62,386.41", "62,386.40", "62,386.42"]);
  expect(formatFigure("62386.4183912345", decimalsOf(rowOf("BTC/USD", ["COINGECKO", "62386.4183912345"]), EXCHANGES))).toBe("62,386.42");
});

test("a row keeps its decimals while trailing zeros come and go", () => {
  const row = rowOf("BTC/USD", ["COINBASE", "94.51"]);
  row.put(rate("COINBASE", "BTC/USD", "94.50"));
  row.put(rate("COINBASE", "BTC/USD", "94"));
  expect(decimalsOf(row, EXCHANGES)).toBe(2);
});

test("a change is that of the history; over a day else what a source publishes", () => {
  const row = rowOf("BTC/USD", ["COINBASE", "99"], ["KRAKEN", "101", { changePercent24h: "1.5" }]);
  expect(findChange(row, "24h", ORDER)).toEqual({ percent: "1.5", source: "KRAKEN", isPublished: true });
  expect(findChange(row, "1h", ORDER)).toBeNull();
  const summary: MarketSummaryFragment = { symbol: "BTC/USD", source: { code: "COINBASE" }, to: new Date(NOON_MS).toISOString(), closes: [], changePercent1h: "0.25", changePercent24h: "-2", changePercent7d: null, coverage: "PARTIAL" };
  row.summarise(summary);
  expect(findChange(row, "24h", ORDER)).toEqual({ percent: "-2", source: "COINBASE", isPublished: false });
  expect(findChange(row, "7d", ORDER)).toBeNull();
});
