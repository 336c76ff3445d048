// States of a source in words for viewers.
import { formatAge } from "../rates/freshness";
import { writeNumber } from "../rates/notation";
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
const LONG_LAG_MS = 10_000;

export function stateOf(source: SourceStatus, { isKnown }: Pick<Health, "isKnown">): ShownState {
  return isKnown ? source.state : "UNKNOWN";
}

/** Also of a state that a later gateway may have. */
export function stateWord(state: string): string {
  return WORDS[state as ShownState] ?? OTHER_WORD;
}

type Told = Pick<SourceStatus, "state" | "reason" | "trackedCount" | "freshCount" | "silent" | "silentCount" | "suspectCount">;

const MEANINGS: Partial<Record<string, string>> = {
  STALLED: "No new prices arrive from it.",
  RATE_LIMITED: "It limits how often this server may ask. Prices come again as soon as it allows them.",
  BLOCKED: "It refuses this server.",
  DOWN: "It cannot be reached at present.",
};
const IMPAIRED = "Its prices arrive, with interruptions or late.";
/** As the rules of the gateway have it: with fewer fresh prices a source is impaired. */
const FRESH_SHARE = 0.5;
const ANNOUNCEMENT = /(?:^|; )the exchange says: ([^;]+)/g;

/** What a state means for somebody who reads prices, and what the source announces; null if there is nothing to say. */
export function meaningText(source: Told): string | null {
  const sentences = source.state === "UP" ? [] : source.state === "DEGRADED" ? impairments(source) : [MEANINGS[source.state] ?? `It is ${OTHER_WORD}.`];
  for (const [, said] of (source.reason ?? "").matchAll(ANNOUNCEMENT)) sentences.push(`It announces: ${said}.`);
  return sentences.length === 0 ? null : sentences.join(" ");
}

function impairments({ trackedCount, freshCount, silent, silentCount, suspectCount }: Told): string[] {
  const found: string[] = [];
  if (freshCount < trackedCount * FRESH_SHARE) found.push(`Only ${freshCount} of its ${trackedCount} prices are fresh.`);
  if (silentCount > 0) found.push(`Nothing new arrives for ${listText(silent, silentCount)}.`);
  if (suspectCount > 0) found.push(`${suspectCount === 1 ? "One of its prices" : `${suspectCount} of its prices`} may be of another asset and ${suspectCount === 1 ? "is" : "are"} left out.`);
  return found.length === 0 ? [IMPAIRED] : found;
}

/** Long ones in seconds. */
export function lagText(lagMs: number | null): string {
  if (lagMs === null) return "–";
  return lagMs < LONG_LAG_MS ? `${writeNumber(lagMs)} ms` : formatAge(lagMs);
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
