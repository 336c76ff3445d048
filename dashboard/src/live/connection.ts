// Holds the one state of the connection, and tells the page of its changes.
import { useSyncExternalStore } from "react";
import { type ConnectionEvent, type ConnectionState, FIRST_STATE, nextState } from "./connection-state";

/** Long enough to be read after returning to the page. */
const NOTICE_SHOWN_MS = 12_000;

export class Connection {
  #state: ConnectionState = FIRST_STATE;
  #noticeTimer: number | undefined;
  readonly #listeners = new Set<() => void>();

  constructor() {
    window.addEventListener("offline", () => this.handle({ type: "network", isThere: false }));
    window.addEventListener("online", () => this.handle({ type: "network", isThere: true }));
    if (!navigator.onLine) this.handle({ type: "network", isThere: false });
  }

  readonly handle = (event: ConnectionEvent): void => {
    const before = this.#state;
    this.#state = nextState(before, event);
    if (this.#state.notice !== before.notice) this.#timeNotice();
    if (isSameForReaders(before, this.#state)) return;
    for (const listener of this.#listeners) listener();
  };

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly read = (): ConnectionState => this.#state;

  #timeNotice(): void {
    window.clearTimeout(this.#noticeTimer);
    if (this.#state.notice !== null) this.#noticeTimer = window.setTimeout(() => this.handle({ type: "noticeOver" }), NOTICE_SHOWN_MS);
  }
}

/** The time of the last event changes four times a second, and is read only while nothing arrives. */
function isSameForReaders(one: ConnectionState, other: ConnectionState): boolean {
  return one.phase === other.phase && one.notice === other.notice && one.message === other.message && one.hasNetwork === other.hasNetwork;
}

/** Renders again when the phase, the notice or the message changes. */
export function useConnection(connection: Connection): ConnectionState {
  // A new event alone makes a new object; React compares what is returned here.
  useSyncExternalStore(connection.onChange, () => faceOf(connection.read()));
  return connection.read();
}

function faceOf({ phase, notice, message, hasNetwork }: ConnectionState): string {
  return `${phase} ${hasNetwork} ${notice?.text ?? ""} ${message ?? ""}`;
}
