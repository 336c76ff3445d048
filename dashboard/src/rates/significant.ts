// Prices in as many digits as the eye can use. A figure is shown whole or in fewer significant digits, never cut; the exact
// text stays with it for titles, copies and exports.
import { writeDecimal } from "./notation";

/** Enough for a cent of 99,999.99, and for a tenth of a basis point of anything. */
export const SIGNIFICANT_DIGITS = 7;
/** The least significant digits of a price below one. */
const LEAST_SMALL_DIGITS = 4;
/** A price below one that would be longer has its zeros counted: 0.0₉2134. */
const LONGEST_PLAIN = 10;
/** A larger whole part is shown in billions or trillions. */
const LONGEST_WHOLE = 9;
const UNITS = ["", "K", "M", "B", "T"] as const;
const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";

/** The number of decimals without trailing zeros: 2 for "94.5100". */
export function fractionLength(decimal: string): number {
  const point = decimal.indexOf(".");
  if (point < 0) return 0;
  let end = decimal.length;
  while (decimal.charCodeAt(end - 1) === 48) end -= 1;
  return end - point - 1;
}

/**
 * Formats a price with `decimals` decimals, or fewer where that would be more than seven significant digits.
 * "62386.4183912" with 2: "62,386.42"; "123456789012345.12": "123.4568T".
 */
export function formatFigure(price: string, decimals: number): string {
  const sign = price.startsWith("-") ? "−" : "";
  const [whole, fraction] = digitsOf(price);
  if (whole.length > LONGEST_WHOLE) return sign + inUnits(whole, fraction);
  const zeros = whole === "" ? leadingZeros(fraction) : 0;
  const most = whole === "" ? zeros + SIGNIFICANT_DIGITS : Math.max(0, SIGNIFICANT_DIGITS - whole.length);
  // Exchanges that trade at 0.4 publish 0.4000: fewer digits would hide what the others say.
  const least = whole !== "" ? Math.min(2, most) : zeros < fraction.length ? Math.min(zeros + LEAST_SMALL_DIGITS, most) : 0;
  const rounded = roundDigits(whole, fraction, Math.min(most, Math.max(least, decimals)));
  // Rounding may have reached the next power of ten, and with it a unit.
  if (rounded[0].length > LONGEST_WHOLE) return sign + inUnits(...rounded);
  return sign + plain(...rounded);
}

/** Rounds half away from zero, by text: "1.005" with 2 is "1.01". */
export function roundDecimal(decimal: string, decimals: number): string {
  const [whole, fraction] = roundDigits(...digitsOf(decimal), decimals);
  const text = fraction === "" ? whole || "0" : `${whole || "0"}.${fraction}`;
  return decimal.startsWith("-") && /[1-9]/.test(text) ? `-${text}` : text;
}

function plain(whole: string, fraction: string): string {
  const zeros = leadingZeros(fraction);
  if (whole === "" && fraction.length > LONGEST_PLAIN - 2 && zeros < fraction.length && zeros > 2) return `${writeDecimal("0.0")}${subscript(zeros)}${fraction.slice(zeros)}`;
  return writeDecimal(fraction === "" ? whole || "0" : `${whole || "0"}.${fraction}`);
}

function subscript(count: number): string {
  return [...String(count)].map((digit) => SUBSCRIPTS[Number(digit)]).join("");
}

/** "123.4568T", and "1.234568e18" beyond. */
function inUnits(whole: string, fraction: string): string {
  const unit = Math.floor((whole.length - 1) / 3);
  const isNamed = unit < UNITS.length;
  const shown = isNamed ? whole.length - unit * 3 : 1;
  const [head, tail] = roundDigits(whole.slice(0, shown), whole.slice(shown) + fraction, SIGNIFICANT_DIGITS - shown);
  // 999,999.9999 B are 1 T.
  if (head.length > (isNamed ? 3 : 1)) return inUnits(`${head}${"0".repeat(whole.length - shown)}`, "");
  return `${writeDecimal(`${head}.${tail}`)}${isNamed ? UNITS[unit] : `e${whole.length - 1}`}`;
}

function digitsOf(decimal: string): [whole: string, fraction: string] {
  const [whole = "", fraction = ""] = decimal.replace("-", "").split(".");
  return [whole.replace(/^0+/, ""), fraction];
}

function leadingZeros(fraction: string): number {
  return /^0*/.exec(fraction)?.[0].length ?? 0;
}

/** Pads with zeros, or rounds half up. */
function roundDigits(whole: string, fraction: string, decimals: number): [whole: string, fraction: string] {
  if (fraction.length <= decimals) return [whole, fraction.padEnd(decimals, "0")];
  const kept = BigInt(`0${whole}${fraction.slice(0, decimals)}`) + (fraction.charAt(decimals) >= "5" ? 1n : 0n);
  const digits = kept.toString().padStart(decimals + 1, "0");
  const split = digits.length - decimals;
  return [digits.slice(0, split).replace(/^0+/, ""), digits.slice(split)];
}
