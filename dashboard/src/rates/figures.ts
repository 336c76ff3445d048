// Formats numbers for display. Prices keep every digit that the source published.

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

export type Direction = "up" | "down" | "flat";

/**
 * Formats a price for a narrow cell: with digit groups and without trailing zeros, except for the first two decimals, which
 * keep a column of dollar prices aligned. The number is exactly the same; it is never rounded.
 */
export function formatPrice(price: string): string {
  const [whole = "", fraction = ""] = price.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const told = fraction.replace(/0+$/, "");
  const kept = fraction.slice(0, Math.max(told.length, Math.min(2, fraction.length)));
  return kept === "" ? grouped : `${grouped}.${kept}`;
}

/** Formats a change with two decimals, which is enough for display; the API has all its digits. */
export function formatChange(percent: string): string {
  const rounded = Number(percent).toFixed(2).replace(/^-(0\.00)$/, "$1");
  return `${Number(rounded) > 0 ? "+" : ""}${rounded.replace("-", "−")} %`;
}

export function directionOf(percent: string | null): Direction {
  const rounded = percent === null ? 0 : Math.round(Number(percent) * 100);
  return rounded === 0 ? "flat" : rounded > 0 ? "up" : "down";
}

/** Formats a volume as an order of magnitude: "1.23B", "45.6M". */
export function formatVolume(volume: number): string {
  return compact.format(volume);
}

const NAMES: Record<string, string> = { COINGECKO: "CoinGecko", OKX: "OKX" };

/** The name of a source in its own spelling. */
export function sourceName(source: string): string {
  return NAMES[source] ?? source.charAt(0) + source.slice(1).toLowerCase();
}
