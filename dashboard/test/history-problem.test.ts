import { CombinedError } from "urql";
import type { Client } from "urql";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { secondText } from "../src/browser/times";
import { HistoryFeed } from "../src/chart/history-feed";
import { problemOf, problemText } from "../src/chart/history-problem";
import { OverlayFeed } from "../src/chart/overlay-feed";
import { ServerClock } from "../src/rates/server-clock";
import { page } from "./candles";

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function errorOf(extensions: Record<string, unknown>): CombinedError {
  return new CombinedError({ graphQLErrors: [{ message: "no", extensions }] });
}

const SPENT = errorOf({ code: "BUDGET_EXHAUSTED", retryAfterMs: 30_000 });

test("a spent budget is told as one, with the time of the next attempt", () => {
  const problem = problemOf(SPENT, 1);
  expect(problem).toMatchObject({ kind: "exhausted", againAtMs: Date.now() + 30_000 });
  const time = secondText(Date.now() + 30_000);
  expect(problemText(problem, false)).toBe(`More was asked from this address, or with this key, than its plan allows. The chart goes on at ${time}.`);
  expect(problemText(problem, true)).toContain(`Parts of the chart may be missing. The chart goes on at ${time}.`);
});

test("what another attempt cannot change is not asked again", () => {
  for (const code of ["FORBIDDEN", "TOO_EXPENSIVE", "BAD_USER_INPUT"])
    expect(problemOf(errorOf({ code }), 1)).toMatchObject({ kind: "refused", againAtMs: Number.POSITIVE_INFINITY });
  expect(problemOf(errorOf({ code: "SERVICE_UNAVAILABLE" }), 1).kind).toBe("unavailable");
  expect(problemOf(new Error("lost"), 1).kind).toBe("unreachable");
});

test("the chart asks again when the gateway has said, not before", async () => {
  const asked: number[] = [];
  const query = () => {
    asked.push(Date.now());
    return { toPromise: () => Promise.resolve({ error: SPENT }) };
  };
  vi.stubGlobal("window", globalThis);
  const question = { symbol: "BTC/USDT", source: null, interval: "M1", until: null, count: 100 } as const;
  const feed = new HistoryFeed({ query } as unknown as Client, new ServerClock(), question, () => undefined);
  const began = Date.now();
  while (asked.length < 2) {
    await feed.onSecondHand(true);
    // The connection is back, or the viewer asks.
    feed.hurry();
    vi.advanceTimersByTime(500);
  }
  expect(asked).toEqual([began, began + 30_000]);
  expect(feed.state).toMatchObject({ phase: "failed", problem: { kind: "exhausted" } });
  vi.unstubAllGlobals();
});

test("a further line asks again when the gateway has said, not before", async () => {
  const asked: number[] = [];
  const load = () => {
    asked.push(Date.now());
    return Promise.reject(SPENT);
  };
  const feed = new OverlayFeed({ interval: "M1", page: 100, shortestRefreshMs: 5_000, load, onChange: () => undefined });
  const began = Date.now();
  while (asked.length < 2) {
    await feed.cover(page(0, 10).items, true);
    vi.advanceTimersByTime(500);
  }
  expect(asked).toEqual([began, began + 30_000]);
});
