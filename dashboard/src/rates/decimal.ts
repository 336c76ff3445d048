// Compares exact decimals without floats, for which two close prices would be equal.

/** Returns a negative number, zero or a positive number, as `a` is less than, equal to or greater than `b`: "-0.50". */
export function compareDecimals(a: string, b: string): number {
  if (a === b) return 0;
  const [aNegative, bNegative] = [a.startsWith("-"), b.startsWith("-")];
  const magnitude = compareMagnitudes(a.replace("-", ""), b.replace("-", ""));
  if (aNegative && bNegative) return -magnitude;
  if (aNegative === bNegative) return magnitude;
  return isZero(a) && isZero(b) ? 0 : aNegative ? -1 : 1;
}

function compareMagnitudes(a: string, b: string): number {
  const [aWhole, aFraction] = parts(a);
  const [bWhole, bFraction] = parts(b);
  if (aWhole.length !== bWhole.length) return aWhole.length - bWhole.length;
  if (aWhole !== bWhole) return aWhole < bWhole ? -1 : 1;
  return aFraction === bFraction ? 0 : aFraction < bFraction ? -1 : 1;
}

/** Splits into an integer part without leading zeros and a fraction without trailing zeros, so that text can be compared. */
function parts(decimal: string): [string, string] {
  const [whole = "", fraction = ""] = decimal.split(".");
  return [whole.replace(/^0+/, ""), fraction.replace(/0+$/, "")];
}

function isZero(decimal: string): boolean {
  return !/[1-9]/.test(decimal);
}
