// A query that is repeated while its page is visible, with the last answer.
import { useEffect, useSyncExternalStore } from "react";
import type { AnyVariables, Client, CombinedError, TypedDocumentNode } from "urql";
import { isLate } from "../graphql/fetch-in-time";
import { retryMs } from "./backoff";
import type { Refusal } from "./connection-state";
import { refusalIn, refusalText } from "./refusal";
import { keepWhileVisible, type Pausable } from "./visibility";

export interface Polled<Data> {
  data: Data | null;
  /** Why there is no newer answer, for people; null if there is. */
  problem: string | null;
}

export class PolledQuery<Data, Variables extends AnyVariables> implements Pausable {
  readonly #ask: () => Promise<{ data?: Data | undefined; error?: CombinedError | undefined }>;
  readonly #periodMs: number;
  readonly #listeners = new Set<() => void>();
  #state: Polled<Data> = { data: null, problem: null };
  #timer: number | undefined;
  /** The gateway expects no attempt before. */
  #notBeforeMs = 0;
  #failures = 0;
  #round = 0;
  #isActive = false;

  constructor(client: Client, document: TypedDocumentNode<Data, Variables>, variables: Variables, periodMs: number) {
    this.#ask = () => client.query(document, variables).toPromise();
    this.#periodMs = periodMs;
  }

  readonly read = (): Polled<Data> => this.#state;

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  start(): void {
    if (this.#isActive) return;
    this.#isActive = true;
    this.#nextIn(this.#notBeforeMs - Date.now());
  }

  pause(): void {
    this.#isActive = false;
    this.#round += 1;
    window.clearTimeout(this.#timer);
  }

  leave(): void {
    this.pause();
  }

  retryNow(): void {
    if (!this.#isActive || this.#failures === 0) return;
    this.pause();
    this.start();
  }

  #nextIn(delayMs: number): void {
    if (delayMs <= 0) void this.#next();
    else this.#timer = window.setTimeout(() => void this.#next(), delayMs);
  }

  async #next(): Promise<void> {
    const round = ++this.#round;
    window.clearTimeout(this.#timer);
    const { data, error } = await this.#ask();
    if (round !== this.#round) return;
    if (error !== undefined || data === undefined) {
      this.#fail(isLate(error) ? "no answer in time" : "the gateway cannot be reached", error === undefined ? null : refusalIn(error));
      return;
    }
    this.#failures = 0;
    this.#tell({ data, problem: null });
    this.#nextIn(this.#periodMs);
  }

  #fail(problem: string, refusal: Refusal | null): void {
    this.#failures += 1;
    const delayMs = Math.max(this.#periodMs, retryMs(this.#failures, refusal?.retryAfterMs ?? null));
    this.#notBeforeMs = refusal?.retryAfterMs == null ? 0 : Date.now() + delayMs;
    this.#tell({ ...this.#state, problem: refusal === null ? problem : refusalText(refusal, delayMs) });
    this.#nextIn(delayMs);
  }

  #tell(state: Polled<Data>): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

export function usePolled<Data, Variables extends AnyVariables>(query: PolledQuery<Data, Variables>): Polled<Data> {
  useEffect(() => keepWhileVisible(query), [query]);
  return useSyncExternalStore(query.onChange, query.read);
}
