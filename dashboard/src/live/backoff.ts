// How long to wait before trying again.

const FIRST_MS = 400;
const LONGEST_MS = 8_000;

/** Doubles from the first wait to the longest, with half of it drawn by lot, so that viewers do not return as one. */
export function backoffMs(failures: number, lot: number = Math.random()): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** failures);
  return (ceiling * (1 + lot)) / 2;
}
