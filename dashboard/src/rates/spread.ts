// How far sources stand apart. Ratios for the eye, so floats will do; prices themselves are never made of floats.

/** Distance of the highest from the lowest price in basis points of their middle; null below two prices. */
export function spreadBps(prices: readonly string[]): number | null {
  if (prices.length < 2) return null;
  const values = prices.map(Number);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return ((high - low) / ((high + low) / 2)) * 10_000;
}

/** "0.4", "12", "1,250": one decimal below ten, none above. */
export function formatBps(bps: number): string {
  // What rounds to ten is ten: "10.0" is wider than its column.
  const digits = bps < 9.95 ? 1 : 0;
  return bps.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
}
