// Exact decimals as whole numbers of the smallest unit, for comparisons that floats could get wrong.

const DECIMALS = 40;
/** Units of one. */
export const ONE = 10n ** BigInt(DECIMALS);

/** Units of a decimal such as "61000.25"; exact up to 40 decimals, more than any source publishes. */
export function unitsOf(decimal: string): bigint {
  const [whole = "0", fraction = ""] = decimal.replace("-", "").split(".");
  const units = BigInt(whole + fraction.slice(0, DECIMALS).padEnd(DECIMALS, "0"));
  return decimal.startsWith("-") ? -units : units;
}
