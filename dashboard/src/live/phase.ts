// What the connection is doing, in words a viewer understands.

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

/** A notice that stays on the page for a while: how the last interruption ended. */
export interface Notice {
  kind: "resumed" | "reloaded";
  text: string;
}
