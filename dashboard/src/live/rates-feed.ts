// A view's one subscription of rates: keeps the cursor across reconnects and pauses, and says how each of them ended.
import type { TypedDocumentNode } from "urql";
import type { MissingFragment, RatesEventKind } from "../graphql/generated";
import type { Gateway } from "../graphql/gateway";
import { KeptSubscription, type Refusal } from "./kept-subscription";
import type { Notice, Phase } from "./phase";

/** One event of `rates`, whatever is selected on its items. */
export interface RatesStep<Item> {
  kind: RatesEventKind;
  items: Item[];
  unavailable: MissingFragment[];
  cursor: string;
  recovered: boolean | null;
  sentAt: string;
}

export interface RatesFeedListener<Item> {
  /** `replaces`: it is the whole truth, so drop what is not in it. */
  onStep(step: RatesStep<Item>, replaces: boolean): void;
  onPhase(phase: Phase): void;
  onNotice(notice: Notice): void;
  onProblem(message: string | null): void;
}

/** The gateway sends a HEARTBEAT after 5 s of silence; after this long the connection is dead, however open it looks. */
const DEAD_AFTER_MS = 12_000;
/** Attempts that fail before "resuming" is called "offline". */
const OFFLINE_AFTER = 3;

type Resumable = { after?: string | null | undefined };

export class RatesFeed<Item, Variables extends Resumable> {
  readonly #listener: RatesFeedListener<Item>;
  readonly #gateway: Gateway;
  readonly #kept: KeptSubscription<{ rates: RatesStep<Item> }, Variables>;
  #cursor: string | null = null;
  #phase: Phase = "paused";
  /** Whether the viewer has seen an interruption, and so wants to know how it ended. */
  #interrupted = false;
  #deadline: number | undefined;

  constructor(
    gateway: Gateway,
    document: TypedDocumentNode<{ rates: RatesStep<Item> }, Variables>,
    question: Omit<Variables, "after">,
    listener: RatesFeedListener<Item>,
  ) {
    this.#gateway = gateway;
    this.#listener = listener;
    this.#kept = new KeptSubscription(gateway.client, document, {
      variables: () => {
        // An attempt that nobody answers must end too.
        this.#watchSilence();
        return { ...question, after: this.#cursor } as Variables;
      },
      onData: ({ rates }) => this.#receive(rates),
      onLost: (failures, refusal) => this.#lose(failures, refusal),
    });
  }

  /** Subscribes, or comes back from a pause with the cursor of the last event. */
  start(): void {
    if (this.#phase !== "paused") return;
    this.#enter(this.#cursor === null ? "connecting" : "resuming");
    this.#kept.start();
  }

  /** Lets the server go while nobody looks; `start` asks for just what was missed, and says how that went. */
  pause(): void {
    this.leave();
    this.#interrupted = this.#cursor !== null;
  }

  /** The same for another view of the page, which is no interruption. */
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
    // Not a question that it can be asked: without the cursor it is that of a first visit. A gateway that is only starting says so
    // by another code, and the cursor is good for it.
    if (refusal?.codes.includes("BAD_USER_INPUT")) this.#cursor = null;
  }

  /** A gateway that answers is not away; one that is not starting will say the same again, unless it was the cursor's fault. */
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
