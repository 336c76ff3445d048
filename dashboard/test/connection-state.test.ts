import { expect, test } from "vitest";
import { type ConnectionEvent, type ConnectionState, FIRST_STATE, isInformed, isReceiving, nextState, OFFLINE_AFTER } from "../src/live/connection-state";
import { problemText } from "../src/shell/problem-text";
import { stateOf } from "../src/sources/state-words";

const RESUMED = { kind: "resumed", text: "Back, nothing missed." } as const;
const RELOADED = { kind: "reloaded", text: "Back, with all prices loaded anew." } as const;
const STARTING = { message: "starting", codes: ["SERVICE_UNAVAILABLE"], retryAfterMs: null };
const REJECTED = { message: "'NOPE' is not a symbol", codes: ["BAD_USER_INPUT"], retryAfterMs: null };

const received: ConnectionEvent = { type: "received", atMs: 1_000, notice: null };
const lost = (failures: number, isResuming = true, refusal: typeof STARTING | null = null): ConnectionEvent => ({ type: "lost", failures, isResuming, refusal });

/** Every kind of event, with every value that decides something. */
const EVENTS: readonly ConnectionEvent[] = [
  { type: "started", isResuming: false },
  { type: "started", isResuming: true },
  received,
  { type: "received", atMs: 2_000, notice: RESUMED },
  { type: "received", atMs: 3_000, notice: RELOADED },
  { type: "gap", atMs: 4_000 },
  { type: "silence" },
  ...[1, OFFLINE_AFTER].flatMap((failures) => [true, false].flatMap((isResuming) => [null, STARTING, REJECTED].map((refusal) => lost(failures, isResuming, refusal)))),
  { type: "network", isThere: false },
  { type: "network", isThere: true },
  { type: "paused" },
  { type: "noticeOver" },
];

function after(...events: readonly ConnectionEvent[]): ConnectionState {
  return events.reduce(nextState, FIRST_STATE);
}

/** Every state that any order of events leads to, with one way into it. */
function reachable(): Map<string, { state: ConnectionState; path: readonly ConnectionEvent[] }> {
  const found = new Map([[JSON.stringify(FIRST_STATE), { state: FIRST_STATE, path: [] as readonly ConnectionEvent[] }]]);
  // A Map's iteration reaches what is added meanwhile.
  for (const { state, path } of found.values()) {
    for (const event of EVENTS) {
      const next = nextState(state, event);
      const key = JSON.stringify(next);
      if (!found.has(key)) found.set(key, { state: next, path: [...path, event] });
    }
  }
  return found;
}

test("no state that can be reached contradicts itself", () => {
  const states = [...reachable().values()];
  expect(states.length).toBeGreaterThan(50);
  for (const { state, path } of states) {
    const way = JSON.stringify(path);
    if (state.notice !== null) expect(state.phase, way).toBe("live");
    if (state.message !== null) expect(["connecting", "reconnecting", "refused"], way).toContain(state.phase);
    if (state.phase === "refused") expect(state.message, way).not.toBeNull();
    if (state.phase === "live") expect(problemText(state), way).toBeNull();
    if (state.phase === "offline") expect(problemText(state), way).not.toBeNull();
    // Alerts are called watched only where rates arrive, and those that are refused do not.
    expect(isReceiving(state), way).toBe(["live", "reloading"].includes(state.phase));
    if (isReceiving(state)) expect(state.message, way).toBeNull();
    // Lights are on only where the page is told of changes.
    const source = { state: "UP" } as Parameters<typeof stateOf>[0];
    const light = stateOf(source, { isKnown: isInformed(state) });
    expect(light === "UNKNOWN", way).toBe(["quiet", "reconnecting", "offline", "paused"].includes(state.phase));
  }
});

test("every state leads back to live with the next event of the gateway", () => {
  for (const { state } of reachable().values()) expect(nextState(state, received).phase).toBe("live");
});

test("a loss ends the notice of the resume before it", () => {
  const resumed = after({ type: "started", isResuming: false }, received, lost(1), { type: "received", atMs: 5, notice: RESUMED });
  expect(resumed).toMatchObject({ phase: "live", notice: RESUMED });
  expect(nextState(resumed, received).notice).toBe(RESUMED);
  for (const event of [lost(1), lost(OFFLINE_AFTER), { type: "silence" }, { type: "network", isThere: false }, { type: "paused" }, { type: "gap", atMs: 6 }] as const) {
    expect(nextState(resumed, event)).toMatchObject({ notice: null });
    expect(nextState(resumed, event).phase).not.toBe("live");
  }
});

test("live ends at once when the browser loses its network, and after a silence without that", () => {
  const live = after(received);
  expect(nextState(live, { type: "network", isThere: false }).phase).toBe("quiet");
  expect(nextState(live, { type: "silence" }).phase).toBe("quiet");
  // A browser may be wrong, as for a gateway on the same machine: what arrives counts.
  expect(after(received, { type: "network", isThere: false }, received).phase).toBe("live");
});

test("three failed attempts are offline, one without a network is", () => {
  expect(after(received, lost(1)).phase).toBe("reconnecting");
  expect(after(received, lost(1), lost(2)).phase).toBe("reconnecting");
  expect(after(received, lost(1), lost(2), lost(3)).phase).toBe("offline");
  expect(after(received, { type: "network", isThere: false }, lost(1)).phase).toBe("offline");
  expect(after(received, { type: "network", isThere: false }, lost(1), { type: "network", isThere: true }).phase).toBe("reconnecting");
});

test("another view changes neither a good connection nor a lost one", () => {
  const start: ConnectionEvent = { type: "started", isResuming: false };
  expect(after(received, start).phase).toBe("live");
  const offline = after(received, lost(3));
  expect(nextState(offline, start).phase).toBe("offline");
  expect(after(received, lost(3), start, lost(1, false)).phase).toBe("offline");
});

test("a rejected view says why, and the next view is free of it", () => {
  const refused = after(lost(1, false, REJECTED));
  expect(refused).toMatchObject({ phase: "refused", message: REJECTED.message });
  expect(nextState(refused, { type: "started", isResuming: false })).toMatchObject({ phase: "connecting", message: null });
  expect(after(lost(1, false, STARTING)).phase).toBe("connecting");
});

test("a hidden page is paused whatever fails meanwhile, and resumes", () => {
  const paused = after(received, { type: "paused" });
  expect(nextState(paused, lost(3)).phase).toBe("paused");
  expect(nextState(paused, { type: "started", isResuming: true }).phase).toBe("reconnecting");
});
