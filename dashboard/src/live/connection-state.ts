// The state of the connection as a pure function of what happened. Header, banners, lights and views read this state and
// keep none of their own, so they cannot contradict each other.

/**
 * `quiet`: connected, but nothing arrives. `reloading`: the gateway sends everything again, because it cannot prove what was
 * missed. `refused`: the gateway rejects what the view asks for. `paused`: the page is hidden.
 */
export type Phase = "connecting" | "live" | "quiet" | "reconnecting" | "reloading" | "offline" | "refused" | "paused";

/** How an interruption ended. */
export interface Notice {
  kind: "resumed" | "reloaded";
  text: string;
}

export interface ConnectionState {
  readonly phase: Phase;
  /** How the last interruption ended; only while live. */
  readonly notice: Notice | null;
  /** The gateway's own words, while it rejects the view or asks to wait. */
  readonly message: string | null;
  /** When something arrived last, by the browser's clock; null before the first time. */
  readonly heardAtMs: number | null;
  /** Whether the browser says that the device has no network. It may be wrong: what arrives counts more. */
  readonly hasNetwork: boolean;
}

/** Reason why the gateway rejects an operation. */
export interface Refusal {
  message: string;
  /** `extensions.code` of each error. */
  codes: readonly unknown[];
  /** When the gateway expects the next attempt; null if it does not say. */
  retryAfterMs: number | null;
}

export type ConnectionEvent =
  /** A view subscribes; `isResuming`: it has values already. */
  | { type: "started"; isResuming: boolean }
  /** Any event of rates but a GAP; `notice` if it ends an interruption. */
  | { type: "received"; atMs: number; notice: Notice | null }
  | { type: "gap"; atMs: number }
  /** Nothing has arrived for longer than the gateway is ever silent. */
  | { type: "silence" }
  /** An attempt or a subscription has ended; `failures` in a row, this one included. */
  | { type: "lost"; failures: number; isResuming: boolean; refusal: Refusal | null }
  | { type: "network"; isThere: boolean }
  | { type: "paused" }
  | { type: "noticeOver" };

export const FIRST_STATE: ConnectionState = { phase: "connecting", notice: null, message: null, heardAtMs: null, hasNetwork: true };

/** Number of failed attempts after which "reconnecting" becomes "offline". */
export const OFFLINE_AFTER = 3;

/** Returns the state after an event; the same object if nothing changes. */
export function nextState(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  switch (event.type) {
    case "started":
      return start(state, event.isResuming);
    case "received":
      // A notice stays while all is well, until it has been read.
      return { phase: "live", notice: event.notice ?? state.notice, message: null, heardAtMs: event.atMs, hasNetwork: state.hasNetwork };
    case "gap":
      return { ...enter(state, "reloading"), heardAtMs: event.atMs };
    case "silence":
      return state.phase === "live" ? enter(state, "quiet") : state;
    case "lost":
      // An attempt that ends while the page is hidden was ended by the page.
      return state.phase === "paused" ? state : enter(state, phaseAfterLoss(state, event), event.refusal?.message ?? null);
    case "network":
      return network(state, event.isThere);
    case "paused":
      return enter(state, "paused");
    case "noticeOver":
      return state.notice === null ? state : { ...state, notice: null };
  }
}

/** Whether what the page was told last still holds: without a connection, a green light would be a guess. */
export function isInformed({ phase }: ConnectionState): boolean {
  return phase === "live" || phase === "reloading" || phase === "refused" || phase === "connecting";
}

/** Whether rates arrive. A gateway that refuses them is heard, and sends none. */
export function isReceiving({ phase }: ConnectionState): boolean {
  return phase === "live" || phase === "reloading";
}

/** Enters a phase without a notice, which belongs to the phase "live" only. */
function enter(state: ConnectionState, phase: Phase, message: string | null = null): ConnectionState {
  if (state.phase === phase && state.notice === null && state.message === message) return state;
  return { ...state, phase, notice: null, message };
}

/** Another view on a connection that is up or down does not change that. */
function start(state: ConnectionState, isResuming: boolean): ConnectionState {
  if (state.phase === "paused") return enter(state, isResuming ? "reconnecting" : "connecting");
  // The rejection was one of the view before.
  return state.phase === "refused" ? enter(state, "connecting") : state;
}

/**
 * A gateway that responds is not offline. Unless it is starting or the cursor was invalid, it will reject a retry, too. Once
 * offline, a failed attempt is no news, whichever view made it.
 */
function phaseAfterLoss({ phase, hasNetwork }: ConnectionState, { failures, isResuming, refusal }: Extract<ConnectionEvent, { type: "lost" }>): Phase {
  if (refusal === null && (phase === "offline" || !hasNetwork || failures >= OFFLINE_AFTER)) return "offline";
  if (isResuming) return "reconnecting";
  return refusal === null || refusal.codes.includes("SERVICE_UNAVAILABLE") ? "connecting" : "refused";
}

function network(state: ConnectionState, isThere: boolean): ConnectionState {
  if (isThere === state.hasNetwork) return state;
  const changed = { ...state, hasNetwork: isThere };
  if (isThere) return state.phase === "offline" ? enter(changed, state.heardAtMs === null ? "connecting" : "reconnecting") : changed;
  if (state.phase === "live" || state.phase === "reloading") return enter(changed, "quiet");
  return state.phase === "connecting" || state.phase === "reconnecting" ? enter(changed, "offline") : changed;
}
