// Phases of the connection, with texts for viewers.

export type Phase = "connecting" | "live" | "resuming" | "gap" | "offline" | "refused" | "paused";

export const PHASE_WORD: Record<Phase, string> = {
  connecting: "Connecting",
  live: "Live",
  resuming: "Resuming",
  gap: "Gap: reloading",
  offline: "Offline",
  refused: "Refused",
  paused: "Paused",
};

/** A temporary notice about the end of the last interruption. */
export interface Notice {
  kind: "resumed" | "reloaded";
  text: string;
}
