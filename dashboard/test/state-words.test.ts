import { expect, test } from "vitest";
import type { Health } from "../src/stores/source-health";
import { listText, stoppedText, summaryText } from "../src/sources/state-words";

const source = { freshCount: 5, trackedCount: 8, silent: [], silentCount: 0 };

test("instruments that stopped alone are named, the first few of many", () => {
  expect(stoppedText(source)).toBe("none");
  expect(stoppedText({ ...source, silent: ["ADA/USD", "BTC/USD"], silentCount: 2 })).toBe("ADA/USD, BTC/USD");
  expect(listText(["ADA/USD", "BTC/USD", "DOT/USD", "ETH/USD"], 64)).toBe("ADA/USD, BTC/USD and 62 more");
});

test("where no price is fresh, none is called well", () => {
  expect(stoppedText({ ...source, freshCount: 0 })).toBe("no price is fresh");
  expect(stoppedText({ ...source, freshCount: 0, silent: ["ADA/USD"], silentCount: 1 })).toBe("no price is fresh");
  // A source without instruments has nothing that could be fresh.
  expect(stoppedText({ ...source, freshCount: 0, trackedCount: 0 })).toBe("none");
});

test("lights that are not known are not counted", () => {
  const sources = [{ state: "UP" }, { state: "DOWN" }] as unknown as Health["sources"];
  expect(summaryText({ sources, isKnown: true })).toBe("1 of 2 sources working");
  expect(summaryText({ sources, isKnown: false })).toBe("State of the sources not known");
});
