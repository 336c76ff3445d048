// Distance between the prices of sources. Ratios for display may be floats; prices are never converted to floats.
import { writeNumber } from "./notation";

/** Distance from the lowest to the highest price in basis points of their midpoint; null for fewer than two prices. */
export function spreadBps(prices: readonly string[]): number | null {
  if (prices.length < 2) return null;
  const values = prices.map(Number);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return ((high - low) / ((high + low) / 2)) * 10_000;
}

/** "0.4", "12", "1,250": one decimal below ten, none above. */
export function formatBps(bps: number): string {
  // A value that rounds to ten is shown as "10": "10.0" is wider than its column.
  const digits = bps < 9.95 ? 1 : 0;
  return writeNumber(bps, digits);
}

/** The same with one decimal at any size, as all rows of a column: "1,250.4 bps". */
export function formatSpread(bps: number): string {
  return `${writeNumber(bps, 1)} bps`;
}
