import { expect, test } from "vitest";
import type { Health } from "../src/stores/source-health";
import { lagText, listText, meaningText, stoppedText, summaryText } from "../src/sources/state-words";

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

const told = { ...source, suspectCount: 0, reason: null };

test("a viewer reads what a state means for the prices, not what the processes report", () => {
  const reason = "stream: SourceUnavailable: RATEWIRE_BINANCE_WS_URL 451; HTTP 451 to the handshake";
  expect(meaningText({ ...told, state: "BLOCKED", reason })).toBe("It refuses this server.");
  expect(meaningText({ ...told, state: "DEGRADED", freshCount: 3, reason })).toBe("Only 3 of its 8 prices are fresh.");
  expect(meaningText({ ...told, state: "DEGRADED", silent: ["ADA/USD"], silentCount: 1, suspectCount: 1 })).toBe(
    "Nothing new arrives for ADA/USD. One of its prices may be of another asset and is left out.",
  );
  expect(meaningText({ ...told, state: "DEGRADED", suspectCount: 2, reason })).toBe("2 of its prices may be of another asset and are left out.");
  expect(meaningText({ ...told, state: "DEGRADED", reason })).toBe("Its prices arrive, with interruptions or late.");
  expect(meaningText({ ...told, state: "LATER" as "UP", reason })).toBe("It is in another state.");
  expect(meaningText({ ...told, state: "UP" })).toBeNull();
});

test("what an exchange announces is told, also while it works", () => {
  expect(meaningText({ ...told, state: "UP", reason: "the exchange says: maintenance from 12:00" })).toBe("It announces: maintenance from 12:00.");
  expect(meaningText({ ...told, state: "STALLED", reason: "its newest value is 61 s old, past its 60 s; the exchange says: upgrade" })).toBe(
    "No new prices arrive from it. It announces: upgrade.",
  );
});

test("a delay has a unit that can be read", () => {
  expect([null, 0, 364, 29_511].map(lagText)).toEqual(["–", "0 ms", "364 ms", "29 s"]);
});
