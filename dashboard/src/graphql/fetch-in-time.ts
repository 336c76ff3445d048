// A time limit for requests. urql hands the answer of a query that is on its way to everybody who asks the same: without a limit, one
// that never comes would silence all later attempts.
import type { CombinedError } from "urql";

/** A slow database takes seconds for a day of minutes. */
export const ANSWER_WITHIN_MS = 15_000;

/** Like `request`, which is aborted where it, or the reading of its answer, takes longer than `withinMs`. */
export function fetchWithin(withinMs: number, request: typeof fetch = (input, init) => fetch(input, init)): typeof fetch {
  return (input, init) => {
    const late = AbortSignal.timeout(withinMs);
    const given = init?.signal;
    return request(input, { ...init, signal: given ? AbortSignal.any([given, late]) : late });
  };
}

/** Whether an answer did not come in time. A browser names an aborted reading otherwise than an aborted request. */
export function isLate(error: CombinedError | undefined): boolean {
  return ["TimeoutError", "AbortError"].includes(error?.networkError?.name ?? "");
}
