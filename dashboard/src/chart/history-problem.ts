// Why candles could not be read, in words for viewers.
import { CombinedError } from "urql";

/**
 * `unavailable`: the gateway has no history at present. `unreachable`: there is no connection to it. `refused`: it rejects the
 * question, and asking again would not help.
 */
export type ProblemKind = "unavailable" | "unreachable" | "refused";

export class HistoryProblem extends Error {
  readonly kind: ProblemKind;

  constructor(kind: ProblemKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

const REFUSALS = ["BAD_USER_INPUT", "UNKNOWN_SYMBOL", "GRAPHQL_VALIDATION_FAILED"];

export function problemOf(error: unknown): HistoryProblem {
  if (error instanceof HistoryProblem) return error;
  if (!(error instanceof CombinedError) || error.graphQLErrors.length === 0) return new HistoryProblem("unreachable", String(error));
  const message = error.graphQLErrors.map((each) => each.message).join("; ");
  const isRefused = error.graphQLErrors.some(({ extensions }) => REFUSALS.includes(String(extensions.code)));
  return new HistoryProblem(isRefused ? "refused" : "unavailable", message);
}

/** What a viewer reads. `hasCandles`: there is a chart, and only its newest or earlier part is missing. */
export function problemText({ kind, message }: HistoryProblem, hasCandles: boolean): string {
  if (kind === "refused") return `The gateway has no answer to this: ${message}`;
  if (hasCandles) return kind === "unavailable" ? "The history does not answer at the moment. Parts of the chart may be missing; it is tried again." : "No connection. Parts of the chart may be missing; it is tried again.";
  if (kind === "unavailable") return "The history is not available at the moment. Live prices go on below. The chart is tried again.";
  return "The history could not be loaded: the gateway cannot be reached. It is tried again.";
}

/** Raises a `HistoryProblem` if there is no answer in time. */
export async function withTimeout<Value>(answer: Promise<Value>, ms: number): Promise<Value> {
  let timer: number | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = window.setTimeout(() => reject(new HistoryProblem("unreachable", `no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    window.clearTimeout(timer);
  }
}
