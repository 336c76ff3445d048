// Conversions that are kept up to date by one subscription, with the reason for each that has no answer.
import type { Gateway } from "../graphql/gateway";
import { ConversionsDocument, type ConversionInput, type ConversionsSubscription } from "../graphql/generated";
import type { Connection } from "../live/connection";
import type { Refusal } from "../live/connection-state";
import { KeptSubscription } from "../live/kept-subscription";
import type { Pausable } from "../live/visibility";
import type { ServerClock } from "../rates/server-clock";

type Step = NonNullable<ConversionsSubscription["conversions"]>;
export type LiveConversion = Step["items"][number];
export type MissingConversion = Step["unavailable"][number];

export interface Conversions {
  /** By the asset that is converted. */
  items: ReadonlyMap<string, LiveConversion>;
  missing: ReadonlyMap<string, MissingConversion>;
  /** Why the gateway refuses all of them. */
  refusal: string | null;
  /** Whether they are up to date. */
  isLive: boolean;
}

/** The gateway sends a HEARTBEAT after 5 s of silence. */
const QUIET_AFTER_MS = 7_500;
const DEAD_AFTER_MS = 12_000;
const NONE: Conversions = { items: new Map(), missing: new Map(), refusal: null, isLive: false };

/** `input`: at most one conversion of each asset. `connection`: that of the page, if it follows this subscription. */
export class LiveConversions implements Pausable {
  readonly #gateway: Gateway;
  readonly #clock: ServerClock;
  readonly #connection: Connection | null;
  readonly #kept: KeptSubscription<ConversionsSubscription, { input: ConversionInput[] }>;
  readonly #listeners = new Set<() => void>();
  #state = NONE;
  #quietTimer: number | undefined;
  #deadline: number | undefined;

  constructor(gateway: Gateway, clock: ServerClock, connection: Connection | null, input: readonly ConversionInput[]) {
    this.#gateway = gateway;
    this.#clock = clock;
    this.#connection = connection;
    this.#kept = new KeptSubscription(gateway.client, ConversionsDocument, {
      variables: () => {
        this.#watchSilence();
        return { input: [...input] };
      },
      onData: ({ conversions }) => {
        if (conversions !== null) this.#receive(conversions);
      },
      onLost: (failures, refusal) => this.#lose(failures, refusal),
    });
  }

  readonly read = (): Conversions => this.#state;

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  start(): void {
    this.#connection?.handle({ type: "started", isResuming: this.#state.items.size > 0 });
    this.#kept.start();
  }

  pause(): void {
    this.leave();
    this.#connection?.handle({ type: "paused" });
  }

  leave(): void {
    this.#stopWatching();
    this.#kept.stop();
    this.#tell({ ...this.#state, isLive: false });
  }

  retryNow(): void {
    this.#kept.retryNow();
  }

  #receive({ kind, items, unavailable, sentAt }: Step): void {
    this.#watchSilence();
    if (kind === "SNAPSHOT") this.#clock.reset();
    this.#clock.learn(Date.parse(sentAt), Date.now());
    this.#connection?.handle({ type: "received", atMs: Date.now(), notice: null });
    if (kind === "HEARTBEAT" && this.#state.isLive) return;
    const isWhole = kind === "SNAPSHOT";
    const [found, missing] = [new Map(isWhole ? [] : this.#state.items), new Map(isWhole ? [] : this.#state.missing)];
    for (const item of items) {
      found.set(item.from, item);
      missing.delete(item.from);
    }
    for (const each of unavailable) {
      missing.set(each.from, each);
      found.delete(each.from);
    }
    this.#tell({ items: found, missing, refusal: null, isLive: true });
  }

  #lose(failures: number, refusal: Refusal | null): void {
    this.#stopWatching();
    const isAway = refusal === null || refusal.codes.includes("SERVICE_UNAVAILABLE");
    // A gateway that refuses answers.
    if (isAway) this.#connection?.handle({ type: "lost", failures, isResuming: this.#state.items.size > 0, refusal });
    this.#tell({ ...this.#state, isLive: false, refusal: isAway ? null : (refusal?.message ?? null) });
  }

  #watchSilence(): void {
    this.#stopWatching();
    this.#quietTimer = window.setTimeout(() => this.#connection?.handle({ type: "silence" }), QUIET_AFTER_MS);
    this.#deadline = window.setTimeout(() => this.#gateway.hangUp(), DEAD_AFTER_MS);
  }

  #stopWatching(): void {
    window.clearTimeout(this.#quietTimer);
    window.clearTimeout(this.#deadline);
  }

  #tell(state: Conversions): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
