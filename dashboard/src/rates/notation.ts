// Figures in the notation of the viewer's language, digit for digit: 62,386.41, 62.386,41 or 62 386,41.

/** The language of the browser; in tests without one, English. */
export const LANGUAGE = typeof navigator === "undefined" ? "en" : navigator.language;

/** What stands before the decimals: a point or a comma, as no language has another one beside Latin digits. */
export function decimalMark(): string {
  return new Intl.NumberFormat(LANGUAGE, { numberingSystem: "latn" }).formatToParts(1.5).find(({ type }) => type === "decimal")?.value ?? ".";
}

const MOST_DECIMALS = 100;
const formatters = new Map<number, Intl.NumberFormat>();

function formatterOf(decimals: number): Intl.NumberFormat {
  let formatter = formatters.get(decimals);
  if (formatter === undefined) {
    // Latin digits in every language: prices are compared by their digits, and copied into programs.
    formatter = new Intl.NumberFormat(LANGUAGE, { numberingSystem: "latn", minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    formatters.set(decimals, formatter);
  }
  return formatter;
}

/** Writes an exact decimal such as "62386.410" with all its digits; it is never made a float. */
export function writeDecimal(decimal: string): string {
  const decimals = Math.min(MOST_DECIMALS, decimal.split(".")[1]?.length ?? 0);
  return formatterOf(decimals).format(decimal as Intl.StringNumericLiteral);
}

/** Made at first use: each takes milliseconds, which the first view of a page has better uses for. */
let rounded: Intl.NumberFormat | undefined;

/** Writes a number of any size in four significant digits. */
export function writeRounded(value: number): string {
  rounded ??= new Intl.NumberFormat(LANGUAGE, { numberingSystem: "latn", maximumSignificantDigits: 4 });
  return rounded.format(value);
}

/** Writes a number that is no price, such as a count, with so many decimals. */
export function writeNumber(value: number, decimals = 0): string {
  return formatterOf(decimals).format(value);
}
