import { afterEach, expect, test, vi } from "vitest";
import { readFigure } from "../src/rates/typed-figure";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

test("what can be one figure only is read so in every language", () => {
  const figures = [
    ["61000", "61000"], ["61000.25", "61000.25"], ["61000,25", "61000.25"], ["61,000.25", "61000.25"], ["61.000,25", "61000.25"], [" 61 000,25 ", "61000.25"],
    ["61\u202f000,250", "61000.250"], ["61’000.25", "61000.25"], ["1,234,567", "1234567"], ["1.234.567", "1234567"], ["12,34,567", "1234567"], ["1,5", "1.5"],
    ["0,123", "0.123"], [",125", "0.125"], ["61000,250", "61000.250"], ["1,2345", "1.2345"], ["5,", "5"], ["007.50", "7.50"], ["0", "0"],
    ["0.00001412345678901234", "0.00001412345678901234"],
  ] as const;
  for (const [text, value] of figures) for (const mark of [".", ","]) expect(readFigure(text, mark), text).toEqual({ value, error: null });
});

test("what can be two figures is read with the decimal mark of the viewer, else both are named", () => {
  expect(readFigure("61.000", ".").value).toBe("61.000");
  expect(readFigure("61,000", ",").value).toBe("61.000");
  expect(readFigure("61,000", ".").error).toBe("61,000 can mean 61000 or 61.000. Write one of these.");
  expect(readFigure("61.000", ",").error).toBe("61.000 can mean 61000 or 61,000. Write one of these.");
  for (const mark of [".", ","]) expect(readFigure(`61${mark === "." ? "," : "."}000`, mark).value).toBeNull();
});

test("what is no number is not read", () => {
  for (const text of ["", ".", ",", "abc", "-1", "+1", "1e5", "1,23,45", "1.2.3", "1,2.3,4", "1 00", "1,234.567.8", "12 34", "1,234 567", "1..5", "1234,567.8"]) {
    for (const mark of [".", ","]) expect(readFigure(text, mark).error, text).toBe(`This is no number. Write it as 1${mark}5.`);
  }
});

test("the decimal mark is that of the browser's language", async () => {
  for (const [language, mark] of [["en", "."], ["de-CH", "."], ["de-DE", ","], ["fr-FR", ","], ["ar-EG", "."]] as const) {
    vi.resetModules();
    vi.stubGlobal("navigator", { language });
    expect((await import("../src/rates/notation")).decimalMark(), language).toBe(mark);
  }
});
