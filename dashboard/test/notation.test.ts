import { afterEach, expect, test, vi } from "vitest";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

/** The modules as a browser of that language has them. */
async function speaking(language: string) {
  vi.resetModules();
  vi.stubGlobal("navigator", { language });
  const [{ formatPrice, formatChange }, { formatFigure }, { formatBps, formatSpread }, { writeRounded }] = await Promise.all([
    import("../src/rates/figures"),
    import("../src/rates/significant"),
    import("../src/rates/spread"),
    import("../src/rates/notation"),
  ]);
  return [formatPrice("62386.41839"), formatChange("1234.5"), formatFigure("62386.4183912", 2), formatFigure("0.000000000213401", 15), formatFigure("123456789012345.12", 2), formatSpread(1250.44), formatBps(3.25), writeRounded(0.006612345)];
}

test("all figures of a page are in one notation", async () => {
  expect(await speaking("en")).toEqual(["62,386.41839", "+1,234.50 %", "62,386.42", "0.0₉213401", "123.4568T", "1,250.4 bps", "3.3", "0.006612"]);
  expect(await speaking("de-DE")).toEqual(["62.386,41839", "+1.234,50 %", "62.386,42", "0,0₉213401", "123,4568T", "1.250,4 bps", "3,3", "0,006612"]);
  const french = await speaking("fr-FR");
  expect(french.map((figure) => figure.replaceAll(/\s/g, " "))).toEqual(["62 386,41839", "+1 234,50 %", "62 386,42", "0,0₉213401", "123,4568T", "1 250,4 bps", "3,3", "0,006612"]);
});
