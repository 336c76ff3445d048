import { expect, test } from "vitest";
import { missingText, missingWord } from "../src/rates/missing-words";

const missing = { symbol: "BTC/USDT", source: { code: "BINANCE" }, message: "BTC/USDT is not traded at BINANCE: its listing says 'BREAK'" };

test("why a rate is missing is told in words for viewers", () => {
  for (const reason of ["NOT_YET_SEEN", "STALE", "NOT_TRADING", "SUSPECT_IDENTITY", "SOURCE_DOWN"]) {
    const text = missingText({ ...missing, reason });
    expect(text).toMatch(/^Binance .*BTC\/USDT.*\.$|^The last price of BTC\/USDT from Binance/);
    expect(text).not.toMatch(/BINANCE|BREAK|_/);
    expect(missingWord({ reason })).toMatch(/^[a-z ]+$/);
  }
});

test("the near matches of an unknown symbol stay, and a reason of a later gateway is told in its words", () => {
  const message = "BTC/USTD is not tracked; near matches: BTC/USDT";
  expect(missingText({ ...missing, source: null, reason: "UNKNOWN_SYMBOL", message })).toBe(message);
  expect(missingText({ ...missing, reason: "LATER", message: "later" })).toBe("later");
  expect(missingWord({ reason: "LATER" })).toBe("not available");
});
