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

export function stateOf(source: SourceStatus, { isKnown }: Pick<Health, "isKnown">): ShownState {
  return isKnown ? source.state : "UNKNOWN";
}

export function stateWord(state: ShownState): string {
  return WORDS[state];
}

/** "5 of 6 sources working"; not a count of lights that nobody knows. */
export function summaryText({ sources, isKnown }: Health): string {
  if (!isKnown) return "State of the sources not known";
  const working = sources.filter(({ state }) => state === "UP").length;
  return working === sources.length ? `All ${working} sources working` : `${working} of ${sources.length} sources working`;
}
