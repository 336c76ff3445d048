// States of a source in words for viewers.
import type { Health, SourceStatus } from "../stores/source-health";

export type ShownState = SourceStatus["state"] | "UNKNOWN";

const WORDS: Record<ShownState, string> = {
  UP: "working",
  DEGRADED: "impaired",
  STALLED: "no new prices",
  RATE_LIMITED: "limited by the source",
  BLOCKED: "blocked by the source",
  DOWN: "not working",
  UNKNOWN: "not known",
};
const OTHER_WORD = "in another state";

export function stateOf(source: SourceStatus, { isKnown }: Pick<Health, "isKnown">): ShownState {
  return isKnown ? source.state : "UNKNOWN";
}

/** Also of a state that a later gateway may have. */
export function stateWord(state: string): string {
  return WORDS[state as ShownState] ?? OTHER_WORD;
}

/** "5 of 6 sources working"; not a count of lights that nobody knows. */
export function summaryText({ sources, isKnown }: Health): string {
  if (!isKnown) return "State of the sources not known";
  const working = sources.filter(({ state }) => state === "UP").length;
  return working === sources.length ? `All ${working} sources working` : `${working} of ${sources.length} sources working`;
}

/** Which instruments stopped while others of the source go on. "none" beside "0 of 135 fresh" would say that all is well. */
export function stoppedText({ freshCount, trackedCount, silent, silentCount }: Pick<SourceStatus, "freshCount" | "trackedCount" | "silent" | "silentCount">): string {
  if (trackedCount > 0 && freshCount === 0) return "no price is fresh";
  return listText(silent, silentCount);
}

/** Names the first few instruments only: if there are more, the whole source has a problem. */
export function listText(symbols: readonly string[], count: number): string {
  if (count === 0) return "none";
  return count > symbols.slice(0, 3).length ? `${symbols.slice(0, 2).join(", ")} and ${count - 2} more` : symbols.join(", ");
}
