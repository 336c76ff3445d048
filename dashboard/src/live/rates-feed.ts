// The rates subscription of a view: keeps its cursor across reconnects and pauses, and reports how each of them ended.
import type { TypedDocumentNode } from "urql";
import type { MissingFragment, EventKind } from "../graphql/generated";
import type { Gateway } from "../graphql/gateway";
import { KeptSubscription, type Refusal } from "./kept-subscription";
import type { Notice, Phase } from "./phase";

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
  onPhase(phase: Phase): void;
  onNotice(notice: Notice): void;
  onProblem(message: string | null): void;
}

/** The gateway sends a HEARTBEAT after 5 s of silence; an open connection without data for this time is dead. */
const DEAD_AFTER_MS = 12_000;
/** Number of failed attempts after which "resuming" becomes "offline". */
const OFFLINE_AFTER = 3;

type Resumable = { after?: string | null | undefined };

export class RatesFeed<Item, Variables extends Resumable> {
  readonly #listener: RatesFeedListener<Item>;
  readonly #gateway: Gateway;
  readonly #kept: KeptSubscription<{ rates: RatesStep<Item> | null }, Variables>;
  #cursor: string | null = null;
  #phase: Phase = "paused";
  /** Whether the page has shown an interruption and must show how it ended. */
  #interrupted = false;
  #deadline: number | undefined;

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
    if (this.#phase !== "paused") return;
    this.#enter(this.#cursor === null ? "connecting" : "resuming");
    this.#kept.start();
  }

  /** Ends the subscription while the page is hidden; `start` requests what was missed and reports the result. */
  pause(): void {
    this.leave();
    this.#interrupted = this.#cursor !== null;
  }

  /** The same for a change of the view, which is not an interruption. */
  leave(): void {
    window.clearTimeout(this.#deadline);
    this.#kept.stop();
    this.#enter("paused");
  }

  retryNow(): void {
    this.#kept.retryNow();
  }

  #receive(step: RatesStep<Item>): void {
    this.#watchSilence();
    this.#listener.onProblem(null);
    if (step.kind === "GAP") {
      this.#enter("gap");
      return;
    }
    this.#cursor = step.cursor;
    this.#listener.onStep(step, step.kind === "SNAPSHOT" && step.recovered !== true);
    if (step.kind === "SNAPSHOT" && this.#interrupted) this.#listener.onNotice(noticeOf(step));
    this.#interrupted = false;
    this.#enter("live");
  }

  #lose(failures: number, refusal: Refusal | null): void {
    window.clearTimeout(this.#deadline);
    this.#interrupted ||= this.#cursor !== null;
    this.#listener.onProblem(refusal?.message ?? null);
    this.#enter(this.#phaseAfter(failures, refusal));
    // The gateway rejects the operation: try once without the cursor, as on a first visit. A gateway that is starting sends
    // another code, and the cursor remains valid.
    if (refusal?.codes.includes("BAD_USER_INPUT")) this.#cursor = null;
  }

  /** A gateway that responds is not offline. Unless it is starting or the cursor was invalid, it will reject a retry, too. */
  #phaseAfter(failures: number, refusal: Refusal | null): Phase {
    if (refusal === null && (!navigator.onLine || failures >= OFFLINE_AFTER)) return "offline";
    if (this.#cursor !== null) return "resuming";
    return refusal === null || refusal.codes.includes("SERVICE_UNAVAILABLE") ? "connecting" : "refused";
  }

  #watchSilence(): void {
    window.clearTimeout(this.#deadline);
    this.#deadline = window.setTimeout(() => this.#gateway.hangUp(), DEAD_AFTER_MS);
  }

  #enter(phase: Phase): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#listener.onPhase(phase);
  }
}

function noticeOf<Item>({ recovered, items }: RatesStep<Item>): Notice {
  if (recovered !== true) return { kind: "reloaded", text: "Gap: reloaded. What happened in between is not known." };
  const caughtUp = items.length === 0 ? "" : ` ${items.length} ${items.length === 1 ? "rate" : "rates"} caught up.`;
  return { kind: "resumed", text: `Resumed, nothing missed.${caughtUp}` };
}
