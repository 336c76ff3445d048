// Reads a figure that a viewer has typed, with a point or a comma for the decimals. Pure.
import { decimalMark as markOfViewer } from "./notation";

export type TypedFigure = { value: string; error: null } | { value: null; error: string };

// Groups of two digits stand in Indian figures: 12,34,567. All separators of a figure are the same.
const WHOLE = /^\d*$|^\d{1,3}([.,'’\s])(?:\d{2,3}\1)*\d{3}$/;

/**
 * Reads a figure without a sign as an exact decimal: "61,000.25" and "61.000,25" are "61000.25".
 *
 * "1,234" and "1.234" can be two figures. They are read where the mark is that of the decimals in the viewer's language;
 * otherwise the error names both.
 */
export function readFigure(text: string, decimalMark = markOfViewer()): TypedFigure {
  const given = text.trim();
  const marks = given.replace(/[^.,]/g, "");
  const last = marks.at(-1) ?? "";
  // A mark that stands several times separates groups.
  const isDecimal = marks !== "" && marks.indexOf(last) === marks.length - 1;
  const split = isDecimal ? given.lastIndexOf(last) : given.length;
  const [whole, fraction] = [given.slice(0, split), given.slice(split + 1)];
  if (!WHOLE.test(whole) || !/^\d*$/.test(fraction) || !/\d/.test(given)) return { value: null, error: `This is no number. Write it as 1${decimalMark}5.` };
  if (marks.length === 1 && last !== decimalMark && /^[1-9]\d{0,2}$/.test(whole) && fraction.length === 3) {
    return { value: null, error: `${given} can mean ${whole}${fraction} or ${whole}${decimalMark}${fraction}. Write one of these.` };
  }
  const exact = whole.replace(/\D/g, "").replace(/^0+(?=\d)/, "") || "0";
  return { value: fraction === "" ? exact : `${exact}.${fraction}`, error: null };
}
