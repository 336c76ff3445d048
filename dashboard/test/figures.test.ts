import { expect, test } from "vitest";
import { directionOf, formatChange, formatPrice, sourceName } from "../src/rates/figures";
import { formatBps, spreadBps } from "../src/rates/spread";

test.each([
  ["61845.07000000", "61,845.07"],
  ["1234567.5", "1,234,567.5"],
  ["2700", "2,700"],
  ["0.00001412", "0.00001412"],
  ["94.50000000", "94.50"],
  ["94.00000000", "94.00"],
  ["61855.192843976812", "61,855.192843976812"],
])("a price keeps its value to the last digit: %s", (published, shown) => {
  expect(formatPrice(published)).toBe(shown);
  expect(Number(shown.replaceAll(",", ""))).toBe(Number(published));
});

test("a change that rounds to nothing has no sign and no direction", () => {
  expect(formatChange("-0.0049")).toBe("0.00 %");
  expect(directionOf("-0.0049")).toBe("flat");
  expect(formatChange("-0.81")).toBe("−0.81 %");
  expect(formatChange("3.2")).toBe("+3.20 %");
});

test("a spread needs two prices and is measured from their middle", () => {
  expect(spreadBps([])).toBeNull();
  expect(spreadBps(["100"])).toBeNull();
  expect(spreadBps(["100", "100"])).toBe(0);
  expect(spreadBps(["99", "101", "100"])).toBeCloseTo(200, 10);
  expect(formatBps(9.94)).toBe("9.9");
  expect(formatBps(9.96)).toBe("10");
  expect(formatBps(1250.4)).toBe("1,250");
});

test("sources are spelled as their makers do, also one that is new", () => {
  expect(["COINGECKO", "OKX", "BINANCE", "SEVENTH"].map(sourceName)).toEqual(["CoinGecko", "OKX", "Binance", "Seventh"]);
});
