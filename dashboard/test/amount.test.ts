import { expect, test } from "vitest";
import { checkAmount, checkAsset } from "../src/converter/amount";
import { offOneBps } from "../src/converter/stablecoins";

test("an amount keeps every digit", () => {
  const long = "12345678901234567890.123456789012345678901234567890";
  for (const [text, value] of [["1.5", "1.5"], [" 007.50 ", "7.50"], [".5", "0.5"], ["5.", "5"], ["0", "0"], ["1,5", "1.5"], ["1,000,000", "1000000"], ["1 000", "1000"], [long, long]] as const) {
    expect(checkAmount(text)).toEqual({ value, error: null });
  }
});

test("what is wrong with an amount is said", () => {
  const cases = [["", "Enter an amount"], ["-1", "negative"], ["1,500", "1,500 can mean 1500 or 1.500"], ["1e5", "exponent"], ["abc", "no number"], [".", "no number"], ["1.2.3", "no number"]] as const;
  for (const [text, words] of cases) {
    const checked = checkAmount(text);
    expect(checked.value).toBeNull();
    expect(checked.error).toContain(words);
  }
  expect(checkAmount("1".repeat(51)).error).toContain("At most 50 digits before");
  expect(checkAmount(`0.${"1".repeat(51)}`).error).toContain("At most 50 decimals");
});

test("an asset is taken in any case, and an unknown one is named with similar ones", () => {
  expect(checkAsset(" btc ", ["BTC"])).toEqual({ value: "BTC", error: null });
  expect(checkAsset("usd", [])).toEqual({ value: "USD", error: null });
  expect(checkAsset("USDX", ["BTC", "USD", "USDXX"]).error).toBe("No tracked instrument has USDX. Similar: USD, USDXX.");
  expect(checkAsset("", []).error).toContain("Enter the code");
  expect(checkAsset("B C", []).error).toContain("no code");
});

test("the distance from one dollar has a sign", () => {
  expect(offOneBps("0.9985")).toBeCloseTo(-15);
  expect(offOneBps("1.0002")).toBeCloseTo(2);
});
