// The page's one subscription, held for as long as it is wanted: reconnects by itself and says in what state it is.
// Refuses to draw anything or to remember rates.
import { type Client, createClient, TerminatedCloseEvent } from "graphql-ws";
import { graphqlSocketUrl } from "../graphql-address";
import { RATES_SUBSCRIPTION, type RatesEvent } from "../rates/rate";

export type FeedState = "connecting" | "live" | "reconnecting" | "paused";

export interface FeedListener {
  onEvent(event: RatesEvent): void;
  onState(state: FeedState): void;
  /** What the server said against the subscription; null once it works again. */
  onProblem(message: string | null): void;
}

const PING_EVERY_MS = 10_000;
/** A half-open connection shows no close, only a ping that nobody answers. */
const PONG_WITHIN_MS = 5_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

export class RatesFeed {
  readonly #listener: FeedListener;
  readonly #client: Client;
  #state: FeedState = "paused";
  #unsubscribe: (() => void) | null = null;
  #retryTimer: number | undefined;
  #pongTimer: number | undefined;
  #failures = 0;

  constructor(listener: FeedListener) {
    this.#listener = listener;
    this.#client = createClient({
      url: graphqlSocketUrl(),
      keepAlive: PING_EVERY_MS,
      // This class retries, so that a refusal, an end and a lost connection all take one path.
      retryAttempts: 0,
      on: {
        ping: (received) => received || this.#expectPong(),
        pong: (received) => received && window.clearTimeout(this.#pongTimer),
        closed: () => window.clearTimeout(this.#pongTimer),
      },
    });
  }

  /** Subscribes, and keeps subscribing until `pause`. Calling it twice changes nothing. */
  start(): void {
    if (this.#state !== "paused") return;
    this.#enter("connecting");
    this.#subscribe();
  }

  /** Lets the subscription and its connection go. `start` begins again with a snapshot. */
  pause(): void {
    this.#enter("paused");
    window.clearTimeout(this.#retryTimer);
    this.#unsubscribe?.();
    this.#unsubscribe = null;
  }

  /** Tries at once instead of at the end of the wait: the browser has just said that the network is back. */
  retryNow(): void {
    if (this.#state !== "reconnecting") return;
    window.clearTimeout(this.#retryTimer);
    if (this.#unsubscribe === null) this.#subscribe();
  }

  #subscribe(): void {
    let ended = false;
    const end = (message: string | null) => {
      if (ended) return;
      ended = true;
      this.#reconnect(message);
    };
    const stop = this.#client.subscribe<{ rates: RatesEvent }>(
      { query: RATES_SUBSCRIPTION },
      {
        next: ({ data, errors }) => {
          if (ended) return;
          if (data) this.#receive(data.rates);
          else end(describe(errors));
        },
        error: (error) => end(describe(error)),
        complete: () => end(null),
      },
    );
    this.#unsubscribe = () => {
      ended = true;
      stop();
    };
  }

  #receive(event: RatesEvent): void {
    if (this.#state !== "live") {
      this.#failures = 0;
      this.#enter("live");
      this.#listener.onProblem(null);
    }
    this.#listener.onEvent(event);
  }

  #reconnect(message: string | null): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#enter("reconnecting");
    if (message !== null) this.#listener.onProblem(message);
    this.#retryTimer = window.setTimeout(() => this.#subscribe(), retryDelayMs(this.#failures++));
  }

  #expectPong(): void {
    window.clearTimeout(this.#pongTimer);
    this.#pongTimer = window.setTimeout(() => this.#client.terminate(), PONG_WITHIN_MS);
  }

  #enter(state: FeedState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#listener.onState(state);
  }
}

/** Doubles from the first wait to the longest, with half of it drawn by lot, so that viewers do not return as one. */
function retryDelayMs(failures: number): number {
  const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}

/** What the server said, or null where only the connection was lost, which the state already tells. */
function describe(error: unknown): string | null {
  if (Array.isArray(error)) return error.map((each: { message?: string }) => each.message ?? String(each)).join("; ");
  if (error instanceof CloseEvent) return error.reason ? `${error.reason} (${error.code})` : null;
  if (error instanceof Error && !(error instanceof TerminatedCloseEvent)) return error.message;
  return null;
}
