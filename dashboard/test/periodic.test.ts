import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Periodic } from "../src/live/periodic";
import { type FailedLoad, failedLoad } from "../src/live/refusal";

const [EVERY_MS, RETRY_MS] = [60_000, 10_000];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", globalThis);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Something that fails with these results, one after the other, and succeeds then. */
async function begin(...failures: FailedLoad[]) {
  const loads: number[] = [];
  const began = Date.now();
  const periodic = new Periodic(
    () => {
      loads.push(Date.now() - began);
      return Promise.resolve(failures.shift() ?? null);
    },
    EVERY_MS,
    RETRY_MS,
  );
  periodic.start();
  await vi.advanceTimersByTimeAsync(0);
  return { periodic, loads };
}

test("what is loaded is loaded again after the period, what has failed sooner", async () => {
  const { loads } = await begin(failedLoad());
  await vi.advanceTimersByTimeAsync(RETRY_MS);
  expect(loads).toEqual([0, RETRY_MS]);
  await vi.advanceTimersByTimeAsync(EVERY_MS);
  expect(loads).toEqual([0, RETRY_MS, RETRY_MS + EVERY_MS]);
});

test("a spent budget is not asked before the gateway has said", async () => {
  const { periodic, loads } = await begin({ retryAfterMs: 40_000 });
  periodic.hasten(200);
  periodic.retryNow();
  await vi.advanceTimersByTimeAsync(39_999);
  expect(loads).toEqual([0]);
  // A fifth more at most, so that viewers do not come back at once.
  await vi.advanceTimersByTimeAsync(8_001);
  expect(loads).toHaveLength(2);
  periodic.hasten(200);
  await vi.advanceTimersByTimeAsync(200);
  expect(loads).toHaveLength(3);
});
