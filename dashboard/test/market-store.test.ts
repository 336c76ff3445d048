import { beforeEach, expect, test, vi } from "vitest";
import type { MarketRateFragment, UnavailableReason } from "../src/graphql/generated";
import type { RatesStep } from "../src/live/rates-feed";
import { MarketStore } from "../src/stores/market-store";
import { ServerClock } from "../src/rates/server-clock";

const NOON_MS = Date.parse("2026-11-22T12:00:00Z");
let frames: FrameRequestCallback[] = [];

/** Animation frames of the browser, run by the test. */
function draw(): void {
  const due = frames;
  frames = [];
  for (const frame of due) frame(0);
}

beforeEach(() => {
  frames = [];
  globalThis.requestAnimationFrame = (frame) => frames.push(frame);
});

function rate(source: MarketRateFragment["source"]["code"], symbol: string, price: string, ageMs = 0): MarketRateFragment {
  const observedAt = new Date(NOON_MS - ageMs).toISOString();
  return { symbol, source: { code: source }, price, changePercent24h: null, volume24h: null, observedAt, ttlMs: 10_000 };
}

function step(kind: "SNAPSHOT" | "UPDATE", items: MarketRateFragment[], missing: [string, UnavailableReason][] = []): RatesStep<MarketRateFragment> {
  const unavailable = missing.map(([symbol, reason]) => ({ symbol, source: null, reason, message: reason }));
  return { kind, items, unavailable, cursor: "c", recovered: null, sentAt: new Date(NOON_MS).toISOString() };
}

function storeWith(...items: MarketRateFragment[]): MarketStore {
  const store = new MarketStore(new ServerClock());
  store.apply(step("SNAPSHOT", items), true);
  draw();
  return store;
}

test("a snapshot replaces, a resumed one adds to what is there", () => {
  const store = storeWith(rate("BINANCE", "BTC/USDT", "1"), rate("BINANCE", "ETH/USDT", "2"));
  store.apply(step("SNAPSHOT", [rate("BINANCE", "BTC/USDT", "3")]), false);
  expect([...store.rows.keys()]).toEqual(["BTC/USDT", "ETH/USDT"]);
  store.apply(step("SNAPSHOT", [rate("BINANCE", "BTC/USDT", "4")]), true);
  expect([...store.rows.keys()]).toEqual(["BTC/USDT"]);
});

test("a row's readers are told once a frame, however often it moved, and only they", () => {
  const store = storeWith(rate("BINANCE", "BTC/USDT", "1"), rate("BINANCE", "ETH/USDT", "2"));
  const told: string[] = [];
  store.onRow("BTC/USDT", () => told.push("BTC"));
  store.onRow("ETH/USDT", () => told.push("ETH"));
  for (const price of ["2", "3", "4"]) store.apply(step("UPDATE", [rate("BINANCE", "BTC/USDT", price)]), false);
  expect(told).toEqual([]);
  draw();
  expect(told).toEqual(["BTC"]);
});

test("a market's readers are told once a turn, and at once of a new instrument", () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const store = new MarketStore(new ServerClock(), 250);
  const told: string[] = [];
  store.onRow("BTC/USDT", () => told.push("BTC"));
  store.onShape(() => told.push("shape"));
  store.apply(step("SNAPSHOT", [rate("BINANCE", "BTC/USDT", "1")]), true);
  draw();
  expect(told).toEqual(["BTC", "shape"]);
  for (const price of ["2", "3"]) store.apply(step("UPDATE", [rate("BINANCE", "BTC/USDT", price)]), false);
  draw();
  vi.advanceTimersByTime(249);
  draw();
  expect(told).toEqual(["BTC", "shape"]);
  vi.advanceTimersByTime(1);
  draw();
  expect(told).toEqual(["BTC", "shape", "BTC"]);
  store.apply(step("UPDATE", [rate("BINANCE", "BTC/USDT", "4")]), false);
  store.apply(step("UPDATE", [rate("BINANCE", "ETH/USDT", "1")]), false);
  draw();
  expect(told).toEqual(["BTC", "shape", "BTC", "BTC", "shape"]);
  vi.advanceTimersByTime(1_000);
  draw();
  expect(told).toEqual(["BTC", "shape", "BTC", "BTC", "shape"]);
  vi.useRealTimers();
});

test("a price flashes by the direction of its last move, exactly compared", () => {
  const store = storeWith(rate("BINANCE", "BTC/USDT", "1.10"));
  const quote = () => store.rows.get("BTC/USDT")?.quotes.get("BINANCE");
  store.apply(step("UPDATE", [rate("BINANCE", "BTC/USDT", "1.1")]), false);
  expect(quote()).toMatchObject({ direction: null, moves: 0 });
  store.apply(step("UPDATE", [rate("BINANCE", "BTC/USDT", "1.2")]), false);
  store.apply(step("UPDATE", [rate("BINANCE", "BTC/USDT", "1.15")]), false);
  expect(quote()).toMatchObject({ direction: "down", moves: 2 });
});

test("what is tracked no more goes, what is not seen yet stays with its reason", () => {
  const store = storeWith(rate("BINANCE", "BTC/USDT", "1"), rate("BINANCE", "ETH/USDT", "2"));
  store.apply(step("UPDATE", [], [["BTC/USDT", "UNKNOWN_SYMBOL"], ["ETH/USDT", "NOT_YET_SEEN"]]), false);
  expect([...store.rows.keys()]).toEqual(["ETH/USDT"]);
  expect(store.rows.get("ETH/USDT")?.quotes.size).toBe(0);
  store.apply(step("UPDATE", [rate("BINANCE", "ETH/USDT", "3")]), false);
  expect(store.rows.get("ETH/USDT")?.lead(store.sources, store.clock, Date.now())?.rate.price).toBe("3");
});

test("sources stand in the gateway's order, whenever they come", () => {
  const store = new MarketStore(new ServerClock());
  store.orderSources(["BINANCE", "OKX", "COINGECKO"]);
  store.apply(step("SNAPSHOT", [rate("COINGECKO", "BTC/USD", "1"), rate("BINANCE", "BTC/USDT", "1")]), true);
  expect(store.sources).toEqual(["BINANCE", "COINGECKO"]);
});

test("one price stands for a row: the first source that is fresh, else the newest", () => {
  const store = storeWith(rate("BINANCE", "BTC/USDT", "1", 11_000), rate("OKX", "BTC/USDT", "2", 9_000), rate("BYBIT", "BTC/USDT", "3"));
  const [row] = store.rows.values();
  const order = ["BINANCE", "OKX", "BYBIT"];
  const clock = new ServerClock();
  expect(row?.lead(order, clock, NOON_MS)?.rate.source.code).toBe("OKX");
  expect(row?.lead(order, clock, NOON_MS + 60_000)?.rate.source.code).toBe("BYBIT");
});

test("the faster rates of the rows in view bring no older price back, and no instrument that is gone", () => {
  const store = storeWith(rate("BINANCE", "BTC/USDT", "2", 1_000));
  store.refresh([rate("BINANCE", "BTC/USDT", "1", 2_000), rate("OKX", "BTC/USDT", "9"), rate("BINANCE", "ETH/USDT", "9")]);
  expect([...store.rows.values()].map((row) => [...row.quotes.values()].map((quote) => quote.rate.price))).toEqual([["2"]]);
  store.refresh([rate("BINANCE", "BTC/USDT", "3", 500)]);
  expect(store.rows.get("BTC/USDT")?.quotes.get("BINANCE")?.rate.price).toBe("3");
});
