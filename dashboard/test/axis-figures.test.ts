import { expect, test } from "vitest";
import { axisText, besideLabels } from "../src/chart/axis-figures";

test("a float on the axis has the digits of the table, not its own", () => {
  expect(axisText(Number("61609.95"), 2)).toBe("61,609.95");
  // A source that publishes twelve decimals: the last ones of the float are not those of the price.
  expect(axisText(Number("61539.125827144412"), 2)).toBe("61,539.13");
  expect(axisText(0.1 + 0.2, 2)).toBe("0.3000");
  expect(axisText(0.00001018, 8)).toBe("0.00001018");
  expect(axisText(0.0000001018, 10)).toBe("0.0₆1018");
});

test("a figure beside a label of a last price is whole or left out", () => {
  const texts = ["a", "b", "c", "d"];
  expect(besideLabels(texts, [10, 40, 70, 100], [])).toEqual(texts);
  expect(besideLabels(texts, [10, 40, 70, 100], [52])).toEqual(["a", "", "", "d"]);
  expect(besideLabels(texts, [10, 40, 70, 100], [61])).toEqual(["a", "b", "", "d"]);
  expect(besideLabels(texts, [10, null, 70, 100], [null, 12])).toEqual(["", "b", "c", "d"]);
});

test("labels that the library moves apart leave out what is beside all of them", () => {
  // Three labels of one price take sixty pixels.
  expect(besideLabels(["a", "b", "c"], [10, 40, 96], [60, 60, 60])).toEqual(["a", "", ""]);
  expect(besideLabels(["a", "b"], [10, 140], [60, 61, 62])).toEqual(["a", "b"]);
});
