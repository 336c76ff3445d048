// Delay before the next attempt.

const FIRST_MS = 400;
const LONGEST_MS = 8_000;

/** Doubles from the first delay to the longest. Half of it is random, so that viewers do not reconnect at once. */
export function backoffMs(failures: number, lot: number = Math.random()): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** failures);
  return (ceiling * (1 + lot)) / 2;
}

/** The same, but not before the gateway has said to come back. Up to a fifth more, so that viewers do not come back at once. */
export function retryMs(failures: number, retryAfterMs: number | null, lot: number = Math.random()): number {
  return Math.max(backoffMs(failures, lot), (retryAfterMs ?? 0) * (1 + lot / 5));
}
