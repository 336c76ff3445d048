import { beforeEach, expect, test, vi } from "vitest";
import { makeSubject, type Source } from "wonka";
import type { MarketConsensusesSubscription, MarketRateFragment, SourceId } from "../src/graphql/generated";
import type { Gateway } from "../src/graphql/gateway";
import { ServerClock } from "../src/rates/server-clock";
import { MarketConsensuses } from "../src/stores/market-consensuses";
import { MarketStore } from "../src/stores/market-store";

const NOON = "2026-11-22T12:00:00.000Z";
const EXCHANGES = ["COINBASE", "KRAKEN"];
type Answer = { data: MarketConsensusesSubscription };

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", globalThis);
  vi.stubGlobal("requestAnimationFrame", (frame: FrameRequestCallback) => setTimeout(() => frame(0), 16));
});

function rate(code: SourceId, symbol: string): MarketRateFragment {
  return { symbol, source: { code }, price: "1", changePercent24h: null, volume24h: null, observedAt: NOON, ttlMs: 10_000 };
}

function isKnown(market: MarketStore<MarketRateFragment>, symbol: string): boolean | undefined {
  return market.rows.get(symbol)?.isConsensusKnown;
}

/** A market of one instrument of two exchanges and one of one, and what is asked of its gateway. */
function scene() {
  const asked: { symbols: string[]; sources: string[]; answer(symbol: string): void }[] = [];
  const subscription = (_: unknown, variables: { symbols: string[]; sources: string[] }): Source<Answer> => {
    const { source, next } = makeSubject<Answer>();
    const answer = (symbol: string) =>
      next({ data: { consensusRates: { items: [{ symbol, price: "2", quality: "AGREED", observedAt: NOON, contributions: [] }], unavailable: [] } } });
    asked.push({ ...variables, answer });
    return source;
  };
  const market = new MarketStore<MarketRateFragment>(new ServerClock());
  const consensuses = new MarketConsensuses({ client: { subscription } } as unknown as Gateway, market, () => EXCHANGES);
  const items = [rate("COINBASE", "BTC/USD"), rate("KRAKEN", "BTC/USD"), rate("COINGECKO", "BTC/USD"), rate("KRAKEN", "ETH/USD"), rate("COINGECKO", "ETH/USD")];
  market.apply({ kind: "SNAPSHOT", items, unavailable: [], cursor: "c", recovered: null, sentAt: NOON }, true);
  return { asked, market, consensuses };
}

test("only instruments of several exchanges are asked for, of exchanges only", () => {
  const { asked, market, consensuses } = scene();
  consensuses.start();
  vi.advanceTimersByTime(1_000);
  expect(asked).toMatchObject([{ symbols: ["BTC/USD"], sources: EXCHANGES }]);
  expect(["BTC/USD", "ETH/USD"].map((symbol) => isKnown(market, symbol))).toEqual([false, true]);
  asked[0]?.answer("BTC/USD");
  expect(isKnown(market, "BTC/USD")).toBe(true);
  expect(market.rows.get("BTC/USD")?.consensus?.price).toBe("2");
});

test("after a pause it is not known until the gateway has answered again", () => {
  const { asked, market, consensuses } = scene();
  consensuses.start();
  vi.advanceTimersByTime(1_000);
  asked[0]?.answer("BTC/USD");
  consensuses.pause();
  expect(isKnown(market, "BTC/USD")).toBe(false);
  consensuses.start();
  vi.advanceTimersByTime(1_000);
  expect(isKnown(market, "ETH/USD")).toBe(true);
  expect(isKnown(market, "BTC/USD")).toBe(false);
  asked[1]?.answer("BTC/USD");
  expect(isKnown(market, "BTC/USD")).toBe(true);
});
