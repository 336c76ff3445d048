// Alert rules and what has fired, in words.
import { formatPrice, sourceName } from "../rates/figures";
import { writeDecimal } from "../rates/notation";
import type { Firing } from "./engine";
import type { AlertKind, AlertRule } from "./rules";

export const KIND_WORD: Record<AlertKind, string> = {
  above: "Price rises to",
  below: "Price falls to",
  move: "Price moves by",
  spread: "Sources differ by",
  stale: "No new price for",
};

export const KIND_UNIT: Record<AlertKind, string> = { above: "", below: "", move: "%", spread: "bps", stale: "s" };

/** A level with its unit, in the notation of the viewer's language. */
export function describeLevel(kind: AlertKind, level: string): string {
  return kind === "above" || kind === "below" ? formatPrice(level) : `${writeDecimal(level)} ${KIND_UNIT[kind]}`;
}

export function describeRule({ symbol, source, kind, level, windowMin }: AlertRule): string {
  const shown = describeLevel(kind, level);
  const within = kind === "move" ? ` within ${windowMin} min` : "";
  return `${symbol}: ${KIND_WORD[kind].toLowerCase()} ${shown}${within}${source === null ? "" : ` at ${sourceName(source)}`}`;
}

/** What is now: "BTC/USDT is at 61,000.25". */
export function describeFiring({ rule: { symbol, source, kind, windowMin }, value, simulated }: Firing): string {
  const at = source === null ? "" : ` at ${sourceName(source)}`;
  const label = simulated ? "Simulated: " : "";
  switch (kind) {
    case "above":
    case "below":
      return `${label}${symbol} is at ${formatPrice(value)}${at}`;
    case "move":
      return `${label}${symbol} has moved by ${writeDecimal(value)} % within ${windowMin} min${at}`;
    case "spread":
      return `${label}Sources of ${symbol} differ by ${writeDecimal(value)} bps`;
    case "stale":
      return `${label}${symbol} has had no new price for ${value} s${at}`;
  }
}
