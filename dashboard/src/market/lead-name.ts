// Whose price leads a row, in words.
import { sourceName } from "../rates/figures";
import { CONSENSUS } from "../rates/lead-rule";
import type { Headline } from "./headline";

/** "Median of 4", "Kraken"; "" without a price. */
export function leadName(headline: Headline | null): string {
  if (headline === null) return "";
  return headline.from === CONSENSUS ? `Median of ${headline.sources}` : sourceName(headline.from);
}

/** Of a lead that is known by its code only. */
export function codeName(from: string): string {
  return from === CONSENSUS ? "the median of the exchanges" : sourceName(from);
}
