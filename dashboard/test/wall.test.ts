import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { make, type Observer } from "wonka";
import type { Gateway } from "../src/graphql/gateway";
import { LateAnswers } from "../src/graphql/late-answers";
import type { MarketRateFragment } from "../src/graphql/generated";
import { type ConnectionState, FIRST_STATE, nextState } from "../src/live/connection-state";
import { onSecondHand } from "../src/live/second-hand";
import { ServerClock } from "../src/rates/server-clock";
import { MarketStore } from "../src/stores/market-store";
import { reloadOnNewBuild } from "../src/wall/new-build";
import { columnsFor } from "../src/wall/tiling";
import { DEFAULT_SYMBOLS, MOST_TILES, readWall } from "../src/wall/wall-address";
import { WallFeed } from "../src/wall/wall-feed";

const DAYS = 50;
/** Of the tests that pass through all of them, on a busy machine. */
const PATIENCE_MS = 120_000;
const HOUR_MS = 3_600_000;
const SYMBOLS = ["BTC/USDT", "ETH/USDT", "SOL/USDT"];

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-29T12:00:00Z") });
  vi.stubGlobal("window", globalThis);
  vi.stubGlobal("document", { hidden: false });
  vi.stubGlobal("requestAnimationFrame", (frame: () => void) => setTimeout(frame, 16));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A gateway of one subscription at a time, driven by the test. */
class FakeGateway {
  open: Observer<unknown> | null = null;
  subscriptions = 0;
  /** Subscriptions that either side has ended. */
  ended = 0;

  get gateway(): Gateway {
    const subscription = () =>
      make((observer) => {
        this.open = observer;
        this.subscriptions += 1;
        return () => this.#note(observer);
      });
    return { client: { subscription } as unknown as Gateway["client"], late: new LateAnswers(), hangUp: () => this.end() };
  }

  /** As when the connection is lost. */
  end(): void {
    const observer = this.open;
    this.#note(observer);
    observer?.complete();
  }

  #note(observer: Observer<unknown> | null): void {
    if (observer === null || this.open !== observer) return;
    this.open = null;
    this.ended += 1;
  }

  send(kind: string, items: MarketRateFragment[], recovered: boolean | null = null): void {
    const sentAt = new Date().toISOString();
    this.open?.next({ data: { rates: { kind, items, unavailable: [], cursor: `c${Date.now()}`, recovered, sentAt } } });
  }
}

function rates(turn: number): MarketRateFragment[] {
  return SYMBOLS.map((symbol, index) => ({ symbol, source: { code: turn % 3 === 0 ? "KRAKEN" : "BINANCE" }, price: `${60_000 + ((turn * 7) % 100) + index}.25`, changePercent24h: "1", volume24h: null, observedAt: new Date().toISOString(), ttlMs: 10_000 }));
}

test("fifty days of a wallboard leave nothing behind", { timeout: PATIENCE_MS }, () => {
  const fake = new FakeGateway();
  const store = new MarketStore(new ServerClock());
  let state: ConnectionState = FIRST_STATE;
  const feed = new WallFeed(fake.gateway, store, SYMBOLS, null, {
    onStep: (step, replaces) => store.apply(step, replaces),
    onConnection: (event) => {
      state = nextState(state, event);
    },
  });
  const ends = [onSecondHand(() => undefined), store.onShape(() => undefined), ...SYMBOLS.map((symbol) => store.onRow(symbol, () => undefined))];
  feed.start();
  let timersOfFirstHour = 0;
  const phases = new Set<string>();
  for (let hour = 0; hour < DAYS * 24; hour++) {
    // What is between the hours passes without a look: an idle hour would only renew the same timers.
    vi.setSystemTime(Date.now() + HOUR_MS - 60_000);
    fake.send(hour % 5 === 0 ? "GAP" : "SNAPSHOT", hour % 5 === 0 ? [] : rates(hour), hour % 2 === 0);
    for (let turn = 0; turn < 6; turn++) {
      fake.send(turn % 4 === 3 ? "HEARTBEAT" : "UPDATE", turn % 4 === 3 ? [] : rates(hour + turn));
      for (const symbol of SYMBOLS) {
        const row = store.rows.get(symbol);
        if (row !== undefined) feed.quote(row, Date.now());
      }
      vi.advanceTimersByTime(2_000);
    }
    // In turn: the gateway restarts, freezes, and hides behind a network that goes.
    if (hour % 3 === 0) fake.end();
    if (hour % 3 === 2) feed.doubt();
    vi.advanceTimersByTime(hour % 3 === 1 ? 9_500 : 4_000);
    phases.add(state.phase);
    vi.advanceTimersByTime(8_000);
    fake.send("SNAPSHOT", rates(hour), true);
    vi.advanceTimersByTime(1_000);
    expect(state.phase).toBe("live");
    expect(fake.subscriptions - fake.ended).toBe(1);
    if (hour === 0) timersOfFirstHour = vi.getTimerCount();
  }
  expect(fake.subscriptions).toBeGreaterThan(DAYS * 24);
  expect(phases).toEqual(new Set(["reconnecting"]));
  expect(vi.getTimerCount()).toBeLessThanOrEqual(timersOfFirstHour);
  expect(store.rows.size).toBe(SYMBOLS.length);
  for (const row of store.rows.values()) expect(row.quotes.size + row.missing.size).toBeLessThanOrEqual(2);
  feed.leave();
  for (const end of ends) end();
  expect(vi.getTimerCount()).toBe(0);
  expect(fake.subscriptions).toBe(fake.ended);
});

test("the source of a tile stays while it is fresh", () => {
  const fake = new FakeGateway();
  const store = new MarketStore(new ServerClock());
  const feed = new WallFeed(fake.gateway, store, SYMBOLS, null, { onStep: (step, replaces) => store.apply(step, replaces), onConnection: () => undefined });
  store.orderSources(["BINANCE", "KRAKEN"]);
  feed.start();
  fake.send("SNAPSHOT", rates(0));
  const row = store.rows.get("BTC/USDT");
  if (row === undefined) throw new Error("no row");
  const shown = () => feed.quote(row, Date.now())?.rate.source.code;
  expect(shown()).toBe("KRAKEN");
  vi.advanceTimersByTime(4_000);
  fake.send("UPDATE", rates(1));
  // Binance comes first in the order, and is newer.
  expect(shown()).toBe("KRAKEN");
  vi.advanceTimersByTime(6_500);
  expect(shown()).toBe("BINANCE");
  feed.leave();
});

test("a new build is loaded once, and an absent gateway is none", { timeout: PATIENCE_MS }, async () => {
  const tags = [null, '"a"', null, '"a"', '"b"'];
  let looks = 0;
  const reload = vi.fn();
  const end = reloadOnNewBuild({ readTag: async () => tags[Math.min(looks++, tags.length - 1)] ?? null, reload, random: () => 0.5 });
  // It looks after half a minute, then every five.
  for (let seconds = 0; seconds < 20 * 60 + 45; seconds += 5) await vi.advanceTimersByTimeAsync(5_000);
  expect([looks, reload.mock.calls.length]).toEqual([5, 0]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(reload).toHaveBeenCalledOnce();
  end();
  await vi.advanceTimersByTimeAsync(DAYS * 24 * HOUR_MS);
  expect(reload).toHaveBeenCalledOnce();
  expect(vi.getTimerCount()).toBe(0);
});

test("looking for a new build holds one timer for fifty days", { timeout: PATIENCE_MS }, async () => {
  let looks = 0;
  const end = reloadOnNewBuild({ readTag: async () => `"a${(looks++) * 0}"`, reload: () => undefined, random: () => 0 });
  for (let hour = 0; hour < DAYS * 24; hour++) {
    await vi.advanceTimersByTimeAsync(HOUR_MS);
    expect(vi.getTimerCount()).toBe(1);
  }
  expect(looks).toBeGreaterThan(DAYS * 24 * 11);
  end();
});

test("the address of a wallboard is read as people write it", () => {
  expect(readWall("?symbols=btc/usd, eth-usdt,btc/usd,NOPE,a/b/c,&source=kraken&theme=dark&times=UTC&title=Desk")).toEqual({ symbols: ["BTC/USD", "ETH/USDT"], source: "KRAKEN", theme: "dark", isUtc: true, title: "Desk" });
  expect(readWall("?source=a b&theme=pink")).toEqual({ symbols: DEFAULT_SYMBOLS, source: null, theme: null, isUtc: false, title: "" });
  const many = Array.from({ length: 99 }, (_, index) => `A${index}/USD`).join();
  expect(readWall(`?symbols=${many}`).symbols).toHaveLength(MOST_TILES);
});

test("tiles leave few places of the screen empty", () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16].map(columnsFor)).toEqual([1, 2, 3, 2, 3, 3, 4, 4, 3, 4, 4]);
  for (let tiles = 1; tiles <= MOST_TILES; tiles++) expect(Math.ceil(tiles / columnsFor(tiles))).toBeLessThanOrEqual(columnsFor(tiles));
});
