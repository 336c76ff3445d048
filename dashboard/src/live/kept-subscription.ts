// A subscription that comes back: whatever ends it, it is asked again, with the variables of that moment.
import type { AnyVariables, Client, CombinedError, TypedDocumentNode } from "urql";
import { onEnd, pipe, subscribe } from "wonka";
import { backoffMs } from "./backoff";

export interface Keeping<Data, Variables> {
  /** Asked anew for every attempt. */
  variables(): Variables;
  onData(data: Data): void;
  /** It has ended and will be tried again; `refusal` is what the gateway said, null where only the connection went. */
  onLost(failures: number, refusal: Refusal | null): void;
}

/** Why the gateway does not answer a question. */
export interface Refusal {
  message: string;
  /** `extensions.code` of each error. */
  codes: readonly unknown[];
}

export class KeptSubscription<Data, Variables extends AnyVariables> {
  readonly #client: Client;
  readonly #document: TypedDocumentNode<Data, Variables>;
  readonly #keeping: Keeping<Data, Variables>;
  #unsubscribe: (() => void) | null = null;
  #retryTimer: number | undefined;
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
    this.#subscribe();
  }

  /** Lets the subscription go, on the server too. */
  stop(): void {
    this.#wanted = false;
    window.clearTimeout(this.#retryTimer);
    this.#leave();
  }

  /** Tries at once instead of at the end of the wait. */
  retryNow(): void {
    if (!this.#wanted || this.#unsubscribe !== null) return;
    window.clearTimeout(this.#retryTimer);
    this.#subscribe();
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
    this.#keeping.onLost(this.#failures, refusal);
    if (this.#wanted) this.#retryTimer = window.setTimeout(() => this.#subscribe(), backoffMs(this.#failures - 1));
  }

  #leave(): void {
    const unsubscribe = this.#unsubscribe;
    this.#unsubscribe = null;
    unsubscribe?.();
  }
}

/** The gateway's own words; null where the connection was lost, which the page shows anyway. */
function refusalIn({ graphQLErrors }: CombinedError): Refusal | null {
  if (graphQLErrors.length === 0) return null;
  return { message: graphQLErrors.map(({ message }) => message).join("; "), codes: graphQLErrors.map(({ extensions }) => extensions.code) };
}
