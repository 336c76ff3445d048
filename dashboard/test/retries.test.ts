import { CombinedError, type Client, type OperationResult } from "urql";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { makeSubject, type Subject } from "wonka";
import { KeptSubscription } from "../src/live/kept-subscription";
import { PolledQuery } from "../src/live/polled-query";

const RETRY_AFTER_MS = 30_000;
const error = new CombinedError({ graphQLErrors: [{ message: "no", extensions: { code: "BUDGET_EXHAUSTED", retryAfterMs: RETRY_AFTER_MS } }] });
const document = {} as never;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0);
  vi.stubGlobal("window", globalThis);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function subscribed() {
  const attempts: Subject<OperationResult>[] = [];
  const subscription = () => {
    const answers = makeSubject<OperationResult>();
    attempts.push(answers);
    return answers.source;
  };
  const kept = new KeptSubscription({ subscription } as unknown as Client, document, { variables: () => ({}), onData: () => undefined, onLost: () => undefined });
  kept.start();
  return { kept, attempts };
}

test("a subscription that is refused waits as the gateway has said, whoever hurries", () => {
  const { kept, attempts } = subscribed();
  attempts[0]?.next({ error } as OperationResult);
  kept.retryNow();
  // The page is hidden and shown again.
  kept.stop();
  kept.start();
  vi.advanceTimersByTime(RETRY_AFTER_MS - 1);
  expect(attempts).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(attempts).toHaveLength(2);
});

test("a subscription that was lost is retried at once where the network is back", () => {
  const { kept, attempts } = subscribed();
  attempts[0]?.complete();
  kept.retryNow();
  expect(attempts).toHaveLength(2);
});

test("a query that is refused waits as the gateway has said, whoever hurries", async () => {
  let asked = 0;
  const query = () => {
    asked += 1;
    return { toPromise: () => Promise.resolve({ error }) };
  };
  const polled = new PolledQuery({ query } as unknown as Client, document, {}, 1_000);
  polled.start();
  await vi.advanceTimersByTimeAsync(0);
  polled.retryNow();
  polled.pause();
  polled.start();
  await vi.advanceTimersByTimeAsync(RETRY_AFTER_MS - 1);
  expect(asked).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(asked).toBe(2);
});
