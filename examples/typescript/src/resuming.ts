// Keep a `rates` subscription of Ratewire running: each new connection resumes from the cursor of the last event.
//
// After a reconnect the first event is a SNAPSHOT with `recovered: true` (exactly the changes in between), or a GAP that is
// followed by a complete SNAPSHOT. Copy this file; its only dependency is graphql-ws.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { print } from "graphql";
import { type Client, createClient } from "graphql-ws";

/** A client that retries for ever, after 0.1 s at first and at most 10 s, and detects a dead connection within 20 s. */
export function createResumingClient(url: string, options: { webSocketImpl?: unknown; onLost?: (why: unknown) => void } = {}): Client {
  let unanswered: ReturnType<typeof setTimeout> | undefined;
  const client = createClient({
    url,
    webSocketImpl: options.webSocketImpl,
    keepAlive: 10_000,
    retryAttempts: Number.POSITIVE_INFINITY,
    // A close code of 44xx means an invalid request: a retry would fail again.
    shouldRetry: (why) => !(isClose(why) && why.code >= 4400 && why.code < 4500),
    retryWait: (attempt) => {
      const longest = Math.min(10_000, 200 * 2 ** attempt);
      // Jitter, so that the clients of a restarted gateway do not all reconnect at once.
      return new Promise((resolve) => setTimeout(resolve, longest * (0.5 + Math.random() / 2)));
    },
    on: {
      ping: (isReceived) => {
        if (!isReceived) unanswered = setTimeout(() => client.terminate(), 10_000);
      },
      pong: (isReceived) => {
        if (isReceived) clearTimeout(unanswered);
      },
      closed: (why) => {
        clearTimeout(unanswered);
        options.onLost?.(why);
      },
    },
  });
  return client;
}

/** The fields of a rate that `HeldRates` needs. */
export interface Rate {
  id: string;
  symbol: string;
  source: { code: string };
  observedAt: string;
  ttlMs: number;
}

/** The fields of an event that `HeldRates` needs. */
export interface RatesEvent<Item extends Rate> {
  kind: string;
  recovered?: boolean | null;
  sentAt: string;
  items: readonly Item[];
  unavailable: readonly { symbol: string; source?: { code: string } | null }[];
}

/** Events of which the least delayed one tells the server's time. */
const REMEMBERED_EVENTS = 20;

/** The rates that a client of `rates` holds, and the time by which it may judge them. */
export class HeldRates<Item extends Rate> {
  /** The rates by their ids. */
  readonly held = new Map<string, Item>();
  /** Whether every change arrives: not before the first snapshot, after a loss, or between a GAP and its snapshot. */
  isConnected = false;
  readonly #clocks: readonly (() => number)[];
  /** The server's time less that of each clock, at the last events. */
  #ahead: number[][] = [];

  /** Clocks in milliseconds. Of several the later one counts: one may stand still during sleep, another may be set back. */
  constructor(clocks: readonly (() => number)[] = [() => Date.now(), () => performance.now()]) {
    this.#clocks = clocks;
  }

  /** Applies an event. `resuming` calls it. */
  apply(event: RatesEvent<Item>): void {
    const sentAt = Date.parse(event.sentAt);
    this.#ahead = [...this.#ahead, this.#clocks.map((clock) => sentAt - clock())].slice(-REMEMBERED_EVENTS);
    if (event.kind === "GAP") this.lose();
    if (event.kind === "SNAPSHOT") {
      this.isConnected = true;
      if (!event.recovered) this.held.clear();
    }
    for (const item of event.items) this.held.set(item.id, item);
    for (const { symbol, source } of event.unavailable) {
      for (const [id, rate] of this.held) {
        if (rate.symbol === symbol && (!source || source.code === rate.source.code)) this.held.delete(id);
      }
    }
  }

  /** Notes that the connection is lost. Call it in `onLost`. */
  lose(): void {
    this.isConnected = false;
  }

  /** The server's time in milliseconds; a wrong clock of this machine does no harm. */
  now(): number {
    if (this.#ahead.length === 0) return Date.now();
    return Math.max(...this.#clocks.map((clock, index) => clock() + Math.max(...this.#ahead.map((each) => each[index] ?? 0))));
  }

  /** Whether a rate is held and FRESH at a time, by the rule of the server. */
  isFresh(id: string, now: number): boolean {
    const rate = this.held.get(id);
    return rate !== undefined && now - Date.parse(rate.observedAt) <= rate.ttlMs;
  }
}

/**
 * Yields the events of `rates`. The document takes `$after: String`, passes it to `rates` and selects `cursor`. `apply`, such as that of
 * `HeldRates`, is called with each event before.
 */
export async function* resuming<Data extends { rates?: { cursor: string } | null | undefined }, Variables extends { after?: string | null }>(
  client: Client,
  document: TypedDocumentNode<Data, Variables>,
  variables: Omit<Variables, "after">,
  apply: (event: NonNullable<Data["rates"]>) => void = () => undefined,
): AsyncGenerator<NonNullable<Data["rates"]>> {
  let cursor: string | null = null;
  const request = {
    query: print(document),
    // A getter: graphql-ws serialises the message again for every connection, so it carries the latest cursor.
    get variables() {
      return { ...variables, after: cursor };
    },
  };
  for (;;) {
    try {
      for await (const { data, errors } of client.iterate<Data>(request)) {
        if (errors || !data?.rates) throw errors ?? new Error("no data");
        cursor = data.rates.cursor;
        apply(data.rates);
        yield data.rates;
      }
    } catch (why) {
      // A retry does not fix an invalid request, but a gateway that is starting will answer soon.
      if (!isStarting(why)) throw Array.isArray(why) ? new AggregateError(why, why.map(({ message }) => message).join("; ")) : why;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function isStarting(why: unknown): boolean {
  return Array.isArray(why) && why.every((error) => error?.extensions?.code === "SERVICE_UNAVAILABLE");
}

function isClose(why: unknown): why is { code: number } {
  return typeof why === "object" && why !== null && "code" in why && typeof why.code === "number";
}
