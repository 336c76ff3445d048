// Why the gateway refused an operation, and when it expects the next attempt.
import type { CombinedError } from "urql";
import { secondText } from "../browser/times";
import type { Refusal } from "./connection-state";

/** Null for a lost connection, which the page shows anyway. */
export function refusalIn({ graphQLErrors }: CombinedError): Refusal | null {
  if (graphQLErrors.length === 0) return null;
  const delays = graphQLErrors.map(({ extensions }) => extensions.retryAfterMs).filter((each) => typeof each === "number");
  return {
    message: graphQLErrors.map(({ message }) => message).join("; "),
    codes: graphQLErrors.map(({ extensions }) => extensions.code),
    retryAfterMs: delays.length === 0 ? null : Math.max(...delays),
  };
}

/** An attempt that failed, and when the gateway expects the next one; null if it does not say. */
export interface FailedLoad {
  retryAfterMs: number | null;
}

/** `error` is absent where the answer lacked what was asked for. */
export function failedLoad(error?: CombinedError): FailedLoad {
  return { retryAfterMs: error === undefined ? null : (refusalIn(error)?.retryAfterMs ?? null) };
}

/** For viewers: a spent budget, with the time of the next attempt; other refusals in the gateway's own words. */
export function refusalText({ message, codes }: Refusal, delayMs: number): string {
  if (!codes.includes("BUDGET_EXHAUSTED")) return message;
  return `more was asked from this address, or with this key, than its plan allows. The page asks again at ${secondText(Date.now() + delayMs)}.`;
}
