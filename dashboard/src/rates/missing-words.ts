// Why a rate is missing, in words for viewers. The message of the gateway has the exact facts.
import { sourceName } from "./figures";

export interface MissingRate {
  symbol: string;
  /** Null: the reason is one of all sources. */
  source: { code: string } | null;
  reason: string;
  message: string;
}

/** In the cell of a price. */
const SHORT: Partial<Record<string, string>> = {
  NOT_YET_SEEN: "no price yet",
  STALE: "too old",
  NOT_TRADING: "not traded",
  SUSPECT_IDENTITY: "suspect",
  SOURCE_DOWN: "no source",
};

/** Also of a reason that a later gateway may have. */
export function missingWord({ reason }: Pick<MissingRate, "reason">): string {
  return SHORT[reason] ?? "not available";
}

/** A sentence. That of an unknown symbol is the gateway's, which names similar ones. */
export function missingText({ symbol, source, reason, message }: MissingRate): string {
  const who = source === null ? "The source" : sourceName(source.code);
  switch (reason) {
    case "NOT_YET_SEEN":
      return `${who} has not published a price of ${symbol} yet.`;
    case "STALE":
      return `The last price of ${symbol} from ${who} is too old.`;
    case "NOT_TRADING":
      return `${who} does not trade ${symbol} at present.`;
    case "SUSPECT_IDENTITY":
      return `${who} may mean another asset by ${symbol}: its price is left out.`;
    case "SOURCE_DOWN":
      return `${who} cannot be reached, and has not published a price of ${symbol} before.`;
    default:
      return message;
  }
}
