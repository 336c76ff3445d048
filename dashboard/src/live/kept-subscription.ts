// A subscription that restarts after any end, with the current variables.
import type { AnyVariables, Client, TypedDocumentNode } from "urql";
import { onEnd, pipe, subscribe } from "wonka";
import { retryMs } from "./backoff";
import type { Refusal } from "./connection-state";
import { refusalIn, refusalText } from "./refusal";

export type { Refusal };

export interface Keeping<Data, Variables> {
  /** Called again for every attempt. */
  variables(): Variables;
  onData(data: Data): void;
  /** Called when it has ended and will be retried; `refusal` has the gateway's errors, null for a lost connection. */
  onLost(failures: number, refusal: Refusal | null): void;
}

export class KeptSubscription<Data, Variables extends AnyVariables> {
  readonly #client: Client;
  readonly #document: TypedDocumentNode<Data, Variables>;
  readonly #keeping: Keeping<Data, Variables>;
  #unsubscribe: (() => void) | null = null;
  #retryTimer: number | undefined;
  /** The gateway expects no attempt before. */
  #notBeforeMs = 0;
  #failures = 0;
  #wanted = false;

  constructor(client: Client, document: TypedDocumentNode<Data, Variables>, keeping: Keeping<Data, Variables>) {
    this.#client = client;
    this.#document = document;
    this.#keeping = keeping;
  }

  /** Keeps subscribing until `stop`. Calling it twice changes nothing. */
  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#subscribeIn(this.#notBeforeMs - Date.now());
  }

  /** Ends the subscription, on the server too. */
  stop(): void {
    this.#wanted = false;
    window.clearTimeout(this.#retryTimer);
    this.#leave();
  }

  /** Retries at once instead of after the delay, but not before the gateway expects it. */
  retryNow(): void {
    if (!this.#wanted || this.#unsubscribe !== null) return;
    window.clearTimeout(this.#retryTimer);
    this.#subscribeIn(this.#notBeforeMs - Date.now());
  }

  #subscribeIn(delayMs: number): void {
    if (delayMs <= 0) this.#subscribe();
    else this.#retryTimer = window.setTimeout(() => this.#subscribe(), delayMs);
  }

  #subscribe(): void {
    let ended = false;
    const end = (refusal: Refusal | null) => {
      if (ended) return;
      ended = true;
      this.#retryLater(refusal);
    };
    const source = this.#client.subscription(this.#document, this.#keeping.variables());
    const { unsubscribe } = pipe(
      source,
      onEnd(() => end(null)),
      subscribe(({ data, error }) => {
        if (ended) return;
        if (error !== undefined) end(refusalIn(error));
        else if (data !== undefined) this.#receive(data);
      }),
    );
    this.#unsubscribe = () => {
      ended = true;
      unsubscribe();
    };
  }

  #receive(data: Data): void {
    this.#failures = 0;
    this.#keeping.onData(data);
  }

  #retryLater(refusal: Refusal | null): void {
    this.#leave();
    this.#failures += 1;
    const delayMs = retryMs(this.#failures - 1, refusal?.retryAfterMs ?? null);
    this.#notBeforeMs = refusal?.retryAfterMs == null ? 0 : Date.now() + delayMs;
    this.#keeping.onLost(this.#failures, refusal === null ? null : { ...refusal, message: refusalText(refusal, delayMs) });
    if (this.#wanted) this.#subscribeIn(delayMs);
  }

  #leave(): void {
    const unsubscribe = this.#unsubscribe;
    this.#unsubscribe = null;
    unsubscribe?.();
  }
}
