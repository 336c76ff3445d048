// Figures as people read them. Prices keep every digit that the source published.

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

export type Direction = "up" | "down" | "flat";

/**
 * A price for a narrow cell: digits grouped for the eye, and without the zeros at the end that say nothing (two decimals stay,
 * so that a column of dollars looks like one). The same number to the last digit; never rounded.
 */
export function formatPrice(price: string): string {
  const [whole = "", fraction = ""] = price.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const told = fraction.replace(/0+$/, "");
  const kept = fraction.slice(0, Math.max(told.length, Math.min(2, fraction.length)));
  return kept === "" ? grouped : `${grouped}.${kept}`;
}

/** Two decimals are for the eye; a change is no price, and the API has all its digits. */
export function formatChange(percent: string): string {
  const rounded = Number(percent).toFixed(2).replace(/^-(0\.00)$/, "$1");
  return `${Number(rounded) > 0 ? "+" : ""}${rounded.replace("-", "−")} %`;
}

export function directionOf(percent: string | null): Direction {
  const rounded = percent === null ? 0 : Math.round(Number(percent) * 100);
  return rounded === 0 ? "flat" : rounded > 0 ? "up" : "down";
}

/** "1.23B", "45.6M": a volume is an order of magnitude. */
export function formatVolume(volume: number): string {
  return compact.format(volume);
}

const NAMES: Record<string, string> = { COINGECKO: "CoinGecko", OKX: "OKX" };

/** A source as its makers write it. */
export function sourceName(source: string): string {
  return NAMES[source] ?? source.charAt(0) + source.slice(1).toLowerCase();
}
