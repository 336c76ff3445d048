// Formats numbers for display. Prices keep every digit that the source published.

import { LANGUAGE, writeDecimal, writeNumber } from "./notation";

let compact: Intl.NumberFormat | undefined;

export type Direction = "up" | "down" | "flat";

/**
 * Formats a price for a narrow cell: with digit groups and without trailing zeros, except for the first two decimals, which
 * keep a column of dollar prices aligned. The number is exactly the same; it is never rounded.
 */
export function formatPrice(price: string): string {
  const [whole = "", fraction = ""] = price.split(".");
  const told = fraction.replace(/0+$/, "");
  const kept = fraction.slice(0, Math.max(told.length, Math.min(2, fraction.length)));
  return writeDecimal(kept === "" ? whole : `${whole}.${kept}`);
}

/** Formats a change with two decimals, which is enough for display; the API has all its digits. */
export function formatChange(percent: string): string {
  const rounded = Number(Number(percent).toFixed(2));
  const sign = rounded > 0 ? "+" : rounded < 0 ? "−" : "";
  return `${sign}${writeNumber(Math.abs(rounded), 2)} %`;
}

export function directionOf(percent: string | null): Direction {
  const rounded = percent === null ? 0 : Math.round(Number(percent) * 100);
  return rounded === 0 ? "flat" : rounded > 0 ? "up" : "down";
}

/** Formats a volume as an order of magnitude: "1.23B", "45.6M". */
export function formatVolume(volume: number): string {
  compact ??= new Intl.NumberFormat(LANGUAGE, { numberingSystem: "latn", notation: "compact", maximumSignificantDigits: 3 });
  return compact.format(volume);
}

const NAMES: Record<string, string> = { COINGECKO: "CoinGecko", OKX: "OKX" };

/** The name of a source in its own spelling. */
export function sourceName(source: string): string {
  return NAMES[source] ?? source.charAt(0) + source.slice(1).toLowerCase();
}
