// The rates subscription of a view: keeps its cursor across reconnects and pauses, and reports how each of them ended.
import type { TypedDocumentNode } from "urql";
import type { MissingFragment, EventKind } from "../graphql/generated";
import type { Gateway } from "../graphql/gateway";
import type { ConnectionEvent, Notice, Refusal } from "./connection-state";
import { KeptSubscription } from "./kept-subscription";

/** One event of `rates`, with any selection on its items. */
export interface RatesStep<Item> {
  kind: EventKind;
  items: Item[];
  unavailable: MissingFragment[];
  cursor: string;
  recovered: boolean | null;
  sentAt: string;
}

export interface RatesFeedListener<Item> {
  /** `replaces`: the event is complete, so drop everything that is not in it. */
  onStep(step: RatesStep<Item>, replaces: boolean): void;
  onConnection(event: ConnectionEvent): void;
}

/** The gateway sends a HEARTBEAT after 2 s of silence; after this time the page says that nothing arrives. */
export const QUIET_AFTER_MS = 4_500;
/** An open connection without data for this time is dead; sooner if the browser says that the network has gone. */
const DEAD_AFTER_MS = 9_000;
const DEAD_AFTER_WITHOUT_NETWORK_MS = 3_000;

type Resumable = { after?: string | null | undefined };

export class RatesFeed<Item, Variables extends Resumable> {
  readonly #listener: RatesFeedListener<Item>;
  readonly #gateway: Gateway;
  readonly #kept: KeptSubscription<{ rates: RatesStep<Item> | null }, Variables>;
  #cursor: string | null = null;
  #isRunning = false;
  /** Whether the page has shown an interruption and must show how it ended. */
  #interrupted = false;
  #quietTimer: number | undefined;
  #deadTimer: number | undefined;

  constructor(
    gateway: Gateway,
    document: TypedDocumentNode<{ rates: RatesStep<Item> | null }, Variables>,
    question: Omit<Variables, "after">,
    listener: RatesFeedListener<Item>,
  ) {
    this.#gateway = gateway;
    this.#listener = listener;
    this.#kept = new KeptSubscription(gateway.client, document, {
      variables: () => {
        // An attempt without any answer must end, too.
        this.#watchSilence();
        return { ...question, after: this.#cursor } as Variables;
      },
      onData: ({ rates }) => {
        if (rates !== null) this.#receive(rates);
      },
      onLost: (failures, refusal) => this.#lose(failures, refusal),
    });
  }

  /** Subscribes, or resumes after a pause with the cursor of the last event. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#listener.onConnection({ type: "started", isResuming: this.#cursor !== null });
    this.#kept.start();
  }

  /** Ends the subscription while the page is hidden; `start` requests what was missed and reports the result. */
  pause(): void {
    this.leave();
    this.#interrupted = this.#cursor !== null;
    this.#listener.onConnection({ type: "paused" });
  }

  /** The same for a change of the view, which is not an interruption. */
  leave(): void {
    this.#stopWatching();
    this.#kept.stop();
    this.#isRunning = false;
  }

  retryNow(): void {
    this.#kept.retryNow();
  }

  /** Ends the connection soon unless something arrives: the browser says that the network has gone. */
  doubt(): void {
    if (this.#deadTimer === undefined) return;
    window.clearTimeout(this.#deadTimer);
    this.#deadTimer = window.setTimeout(() => this.#gateway.hangUp(), DEAD_AFTER_WITHOUT_NETWORK_MS);
  }

  #receive(step: RatesStep<Item>): void {
    this.#watchSilence();
    if (step.kind === "GAP") {
      this.#listener.onConnection({ type: "gap", atMs: Date.now() });
      return;
    }
    this.#cursor = step.cursor;
    this.#listener.onStep(step, step.kind === "SNAPSHOT" && step.recovered !== true);
    const notice = step.kind === "SNAPSHOT" && this.#interrupted ? noticeOf(step) : null;
    this.#interrupted = false;
    this.#listener.onConnection({ type: "received", atMs: Date.now(), notice });
  }

  #lose(failures: number, refusal: Refusal | null): void {
    this.#stopWatching();
    const isResuming = this.#cursor !== null;
    this.#interrupted ||= isResuming;
    this.#listener.onConnection({ type: "lost", failures, isResuming, refusal });
    // The gateway rejects the operation: try once without the cursor, as on a first visit. A gateway that is starting sends
    // another code, and the cursor remains valid.
    if (refusal?.codes.includes("BAD_USER_INPUT")) this.#cursor = null;
  }

  #watchSilence(): void {
    this.#stopWatching();
    this.#quietTimer = window.setTimeout(() => this.#listener.onConnection({ type: "silence" }), QUIET_AFTER_MS);
    this.#deadTimer = window.setTimeout(() => this.#gateway.hangUp(), DEAD_AFTER_MS);
  }

  #stopWatching(): void {
    window.clearTimeout(this.#quietTimer);
    window.clearTimeout(this.#deadTimer);
    this.#deadTimer = undefined;
  }
}

function noticeOf<Item>({ recovered, items }: RatesStep<Item>): Notice {
  if (recovered !== true) return { kind: "reloaded", text: "Back, with all prices loaded anew. What happened in between is not known." };
  const caughtUp = items.length === 0 ? "" : ` ${items.length} ${items.length === 1 ? "price has" : "prices have"} changed.`;
  return { kind: "resumed", text: `Back, nothing missed.${caughtUp}` };
}
