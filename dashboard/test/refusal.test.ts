import { CombinedError } from "urql";
import { expect, test } from "vitest";
import { secondText } from "../src/browser/times";
import { backoffMs, retryMs } from "../src/live/backoff";
import { refusalIn, refusalText } from "../src/live/refusal";

function errorOf(...extensions: Record<string, unknown>[]): CombinedError {
  return new CombinedError({ graphQLErrors: extensions.map((each) => ({ message: "no", extensions: each })) });
}

test("the gateway's delay counts where it is longer, and viewers come back one after the other", () => {
  expect(retryMs(0, null, 0)).toBe(backoffMs(0, 0));
  expect(retryMs(0, 1, 0)).toBe(backoffMs(0, 0));
  expect(retryMs(0, 30_000, 0)).toBe(30_000);
  expect(retryMs(0, 30_000, 1)).toBe(36_000);
  expect(retryMs(20, 1_000, 1)).toBe(backoffMs(20, 1));
});

test("of several refusals the longest delay counts; a lost connection is none", () => {
  expect(refusalIn(errorOf({ code: "A", retryAfterMs: 20 }, { code: "B", retryAfterMs: 300 }, { code: "C" }))).toEqual({
    message: "no; no; no",
    codes: ["A", "B", "C"],
    retryAfterMs: 300,
  });
  expect(refusalIn(errorOf({ code: "A" }))?.retryAfterMs).toBeNull();
  expect(refusalIn(new CombinedError({ networkError: new Error("lost") }))).toBeNull();
});

test("a spent budget is told with the time of the next attempt, other refusals as they are", () => {
  const spent = { message: "no", codes: ["BUDGET_EXHAUSTED"], retryAfterMs: 60_000 };
  const before = Date.now();
  const text = refusalText(spent, 60_000);
  const times = [before, Date.now()].map((each) => secondText(each + 60_000));
  expect(times.some((each) => text.endsWith(`The page asks again at ${each}.`))).toBe(true);
  expect(refusalText({ message: "no", codes: ["BAD_USER_INPUT"], retryAfterMs: null }, 400)).toBe("no");
});
