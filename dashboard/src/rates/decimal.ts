// Comparing exact decimals without making floats of them, which would call two close prices equal.

/** Negative, zero or positive as `a` is below, equal to or above `b`. Both plain decimals: "-0.50", "104250.1". */
export function compareDecimals(a: string, b: string): number {
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

/** Whole part without leading zeros and fraction without trailing ones, so that text order is number order. */
function parts(decimal: string): [string, string] {
  const [whole = "", fraction = ""] = decimal.split(".");
  return [whole.replace(/^0+/, ""), fraction.replace(/0+$/, "")];
}

function isZero(decimal: string): boolean {
  return !/[1-9]/.test(decimal);
}
