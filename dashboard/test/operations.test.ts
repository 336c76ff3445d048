import { expect, test } from "vitest";
import operations from "../src/graphql/operations.graphql?raw";
import { QUIET_AFTER_MS } from "../src/live/rates-feed";

test("the gateway speaks twice before the page says that nothing arrives", () => {
  // Those that resume report how the connection is.
  const calls = [...operations.matchAll(/^ {2}rates\((.*\$after)\)/gm)].map(([, given = ""]) => given);
  expect(calls.length).toBeGreaterThan(3);
  for (const given of calls) expect(2 * Number(/maxSilenceMs: (\d+)/.exec(given)?.[1]), given).toBeLessThan(QUIET_AFTER_MS);
});
