import { expect, test } from "vitest";
import { backoffMs } from "../src/live/backoff";
import { steps } from "../src/market/steps";

test("keys move within the table and never out of it", () => {
  expect(steps("ArrowDown", -1, 5, 3)).toBe(0);
  expect(steps("ArrowDown", 4, 5, 3)).toBe(4);
  expect(steps("ArrowUp", 0, 5, 3)).toBe(0);
  expect(steps("PageDown", 1, 5, 3)).toBe(4);
  expect(steps("PageUp", 1, 5, 3)).toBe(0);
  expect(steps("End", -1, 5, 3)).toBe(4);
  expect(steps("ArrowDown", -1, 0, 3)).toBeNull();
  expect(steps("x", 2, 5, 3)).toBeNull();
});

test("waits double up to a limit, and no two viewers need wait alike", () => {
  expect([0, 1, 2, 20].map((failures) => backoffMs(failures, 1))).toEqual([400, 800, 1_600, 8_000]);
  expect(backoffMs(3, 0)).toBe(backoffMs(3, 1) / 2);
});
