import type { Client, OperationResult } from "urql";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { makeSubject, type Subject } from "wonka";
import { CandleStream } from "../src/chart/candle-stream";
import { candle, minutes } from "./candles";

type Variables = { after: string | null };

let attempts: { variables: Variables; answers: Subject<OperationResult> }[] = [];

const client = {
  subscription: (_: unknown, variables: Variables) => {
    const answers = makeSubject<OperationResult>();
    attempts.push({ variables, answers });
    return answers.source;
  },
} as unknown as Client;

beforeEach(() => {
  attempts = [];
  vi.useFakeTimers();
  vi.stubGlobal("window", globalThis);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function streamOf() {
  const seen: (string | number[])[] = [];
  const stream = new CandleStream(client, { symbol: "BTC/USDT", source: "OKX", interval: "M1" }, {
    onCandles: (candles) => seen.push(minutes(candles)),
    onGap: () => seen.push("gap"),
  });
  stream.start();
  return { stream, seen };
}

function say(step: object): void {
  attempts.at(-1)?.answers.next({ data: { candles: { items: [], recovered: null, ...step } } } as OperationResult);
}

function refuse(code: string): void {
  attempts.at(-1)?.answers.next({ error: { graphQLErrors: [{ message: "no", extensions: { code } }] } } as unknown as OperationResult);
}

test("after a lost connection the stream resumes with the cursor of its last event", () => {
  const { stream, seen } = streamOf();
  expect(attempts[0]?.variables.after).toBeNull();
  say({ kind: "SNAPSHOT", items: [candle(0), candle(1)], cursor: "one" });
  say({ kind: "UPDATE", items: [candle(1)], cursor: "two" });
  expect(stream.isLive).toBe(true);
  attempts[0]?.answers.complete();
  expect(stream.isLive).toBe(false);
  vi.runOnlyPendingTimers();
  expect(attempts[1]?.variables.after).toBe("two");
  say({ kind: "SNAPSHOT", items: [candle(2)], cursor: "three", recovered: true });
  expect(seen).toEqual([[0, 1], [1], [2]]);
});

test("a gap, and a snapshot that does not follow the cursor, are told", () => {
  const { seen } = streamOf();
  say({ kind: "SNAPSHOT", items: [candle(0)], cursor: "one" });
  say({ kind: "GAP", cursor: "two" });
  say({ kind: "SNAPSHOT", items: [candle(5)], cursor: "three", recovered: false });
  expect(seen).toEqual([[0], "gap", "gap", [5]]);
});

test("a cursor that the gateway refuses is forgotten, but not while it is only starting", () => {
  streamOf();
  say({ kind: "SNAPSHOT", items: [candle(0)], cursor: "one" });
  refuse("SERVICE_UNAVAILABLE");
  vi.runOnlyPendingTimers();
  expect(attempts[1]?.variables.after).toBe("one");
  refuse("BAD_USER_INPUT");
  vi.runOnlyPendingTimers();
  expect(attempts[2]?.variables.after).toBeNull();
});

test("a page that comes back resumes where it was left", () => {
  const { stream } = streamOf();
  say({ kind: "SNAPSHOT", items: [candle(0)], cursor: "one" });
  stream.pause();
  expect(stream.isLive).toBe(false);
  stream.start();
  expect(attempts[1]?.variables.after).toBe("one");
});
