// Why candles could not be read, in words for viewers.
import { CombinedError } from "urql";
import { secondText } from "../browser/times";
import { retryMs } from "../live/backoff";
import { refusalIn } from "../live/refusal";

/**
 * `unavailable`: the gateway has no history at present. `unreachable`: there is no connection to it. `exhausted`: the budget of the
 * address or key is spent. `refused`: the gateway rejects the question, and asking again would not help.
 */
export type ProblemKind = "unavailable" | "unreachable" | "exhausted" | "refused";

export class HistoryProblem extends Error {
  readonly kind: ProblemKind;
  /** When the gateway expects the next attempt; null if it does not say. */
  readonly retryAfterMs: number | null;
  /** When the page asks again, by the browser's clock; never where that would not help. */
  againAtMs = Number.POSITIVE_INFINITY;

  constructor(kind: ProblemKind, message: string, retryAfterMs: number | null = null) {
    super(message);
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }

  /** Sets when the page asks again after so many failures in a row: never what would be refused again. */
  delay(failures: number): void {
    if (this.kind !== "refused") this.againAtMs = Date.now() + retryMs(failures + 1, this.retryAfterMs);
  }
}

const REFUSALS = ["BAD_USER_INPUT", "UNKNOWN_SYMBOL", "GRAPHQL_VALIDATION_FAILED", "TOO_EXPENSIVE", "UNAUTHENTICATED", "FORBIDDEN"];

/** `failures` in a row, this one included. */
export function problemOf(error: unknown, failures: number): HistoryProblem {
  const problem = error instanceof HistoryProblem ? error : toProblem(error);
  problem.delay(failures);
  return problem;
}

function toProblem(error: unknown): HistoryProblem {
  const refusal = error instanceof CombinedError ? refusalIn(error) : null;
  if (refusal === null) return new HistoryProblem("unreachable", String(error));
  return new HistoryProblem(kindOf(refusal.codes), refusal.message, refusal.retryAfterMs);
}

function kindOf(codes: readonly unknown[]): ProblemKind {
  if (codes.some((code) => REFUSALS.includes(String(code)))) return "refused";
  return codes.includes("BUDGET_EXHAUSTED") ? "exhausted" : "unavailable";
}

/** What a viewer reads. `hasCandles`: there is a chart, and only its newest or earlier part is missing. */
export function problemText({ kind, message, againAtMs }: HistoryProblem, hasCandles: boolean): string {
  if (kind === "refused") return `The gateway has no answer to this: ${message}`;
  if (kind === "exhausted") {
    const part = hasCandles ? " Parts of the chart may be missing." : "";
    return `More was asked from this address, or with this key, than its plan allows.${part} The chart goes on at ${secondText(againAtMs)}.`;
  }
  if (hasCandles) return kind === "unavailable" ? "The history does not answer at the moment. Parts of the chart may be missing; it is tried again." : "No connection. Parts of the chart may be missing; it is tried again.";
  if (kind === "unavailable") return "The history is not available at the moment. Live prices go on below. The chart is tried again.";
  return "The history could not be loaded: the gateway cannot be reached. It is tried again.";
}
