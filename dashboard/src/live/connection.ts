// The connection state that the page shows: phase, errors of the gateway, and the end of the last interruption.
import { useSyncExternalStore } from "react";
import type { Notice, Phase } from "./phase";

export interface ConnectionState {
  phase: Phase;
  problem: string | null;
  notice: Notice | null;
}

/** Long enough to be read after returning to the page. */
const NOTICE_SHOWN_MS = 12_000;

export class Connection {
  #state: ConnectionState = { phase: "connecting", problem: null, notice: null };
  #noticeTimer: number | undefined;
  readonly #listeners = new Set<() => void>();

  readonly enter = (phase: Phase): void => this.#change({ phase });

  readonly object = (problem: string | null): void => this.#change({ problem });

  readonly note = (notice: Notice): void => {
    this.#change({ notice });
    window.clearTimeout(this.#noticeTimer);
    this.#noticeTimer = window.setTimeout(() => this.#change({ notice: null }), NOTICE_SHOWN_MS);
  };

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly read = (): ConnectionState => this.#state;

  #change(change: Partial<ConnectionState>): void {
    const isSame = Object.entries(change).every(([key, value]) => this.#state[key as keyof ConnectionState] === value);
    if (isSame) return;
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

export function useConnection(connection: Connection): ConnectionState {
  return useSyncExternalStore(connection.onChange, connection.read);
}
