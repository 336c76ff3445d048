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
