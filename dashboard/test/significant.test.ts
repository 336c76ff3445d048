import { expect, test } from "vitest";
import { formatFigure, fractionLength, roundDecimal } from "../src/rates/significant";

test.each([
  ["62386.4183912", 2, "62,386.42"],
  ["62386.4183912", 8, "62,386.42"],
  ["61845.07000000", 2, "61,845.07"],
  ["61845.1", 2, "61,845.10"],
  ["123456789012345.12", 2, "123.4568T"],
  ["9412345.6", 1, "9,412,346"],
  ["123456789", 0, "123,456,789"],
  ["999999999.6", 1, "1.000000B"],
  ["999999999999", 0, "1.000000T"],
  ["1234567890123456789", 0, "1.234568e18"],
  ["9999999999999999999", 0, "1.000000e19"],
  ["2700", 0, "2,700.00"],
  ["94.5", 2, "94.50"],
  ["0.523412", 6, "0.523412"],
  ["0.00001412", 8, "0.00001412"],
  ["0.000014123456789", 15, "0.0₄1412346"],
  ["0.000000000213401", 15, "0.0₉213401"],
  ["0.99999999999", 11, "1.0000000"],
  ["0.4", 1, "0.4000"],
  ["0.00001412", 0, "0.00001412"],
  ["0", 2, "0.00"],
  ["-3.14159", 2, "−3.14"],
])("a price is whole or in fewer significant digits, never cut: %s with %i decimals", (price, decimals, shown) => {
  expect(formatFigure(price, decimals)).toBe(shown);
});

test("decimals are counted without trailing zeros", () => {
  expect(["94.5100", "94", "94.00", "0.00001412"].map(fractionLength)).toEqual([2, 0, 0, 8]);
});

test("a decimal is rounded by its text, half away from zero", () => {
  expect(roundDecimal("1.005", 2)).toBe("1.01");
  expect(roundDecimal("-1.005", 2)).toBe("-1.01");
  expect(roundDecimal("-0.004", 2)).toBe("0.00");
  expect(roundDecimal("99.999", 2)).toBe("100.00");
  expect(roundDecimal("7", 2)).toBe("7.00");
});
