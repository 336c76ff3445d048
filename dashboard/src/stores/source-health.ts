// Health of every source, kept up to date while the page is visible.
import { useSyncExternalStore } from "react";
import type { Connection } from "../live/connection";
import { isInformed } from "../live/connection-state";
import type { Gateway } from "../graphql/gateway";
import { SourceHealthDocument, type SourceHealthSubscription, type SourceHealthSubscriptionVariables } from "../graphql/generated";
import { KeptSubscription } from "../live/kept-subscription";
import type { Pausable } from "../live/visibility";

export type SourceStatus = NonNullable<SourceHealthSubscription["sources"]>[number];

export interface Health {
  /** As last received. */
  sources: readonly SourceStatus[];
  /** Whether the state is current: without a connection to the gateway, a green light would be a guess. */
  isKnown: boolean;
}

export class SourceHealth implements Pausable {
  /** The sources that are markets of their own, in the gateway's order; none before the first event. */
  exchanges: readonly string[] = [];
  /** All sources in the gateway's order; none before the first event. */
  order: readonly string[] = [];
  #health: Health = { sources: [], isKnown: false };
  /** Whether the subscription has told the state and not ended since. */
  #isCurrent = false;
  readonly #connection: Connection;
  readonly #kept: KeptSubscription<SourceHealthSubscription, SourceHealthSubscriptionVariables>;
  readonly #listeners = new Set<() => void>();

  /** The state of `connection` decides whether what was told last is still known. */
  constructor(gateway: Gateway, connection: Connection, onSources: (names: readonly string[]) => void) {
    this.#connection = connection;
    connection.onChange(() => this.#update(this.#health.sources));
    this.#kept = new KeptSubscription(gateway.client, SourceHealthDocument, {
      variables: () => ({}),
      onData: ({ sources }) => {
        if (sources === null) return;
        this.exchanges = sources.filter(({ source }) => source.kind === "EXCHANGE").map(({ source }) => source.code);
        this.order = sources.map(({ source }) => source.code);
        onSources(this.order);
        this.#isCurrent = true;
        this.#update(sources);
      },
      // The feed of the view reports the lost connection; one message is enough.
      onLost: () => this.#doubt(),
    });
  }

  start(): void {
    this.#kept.start();
  }

  pause(): void {
    this.#kept.stop();
    this.#doubt();
  }

  leave(): void {
    this.pause();
  }

  retryNow(): void {
    this.#kept.retryNow();
  }

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly read = (): Health => this.#health;

  #doubt(): void {
    this.#isCurrent = false;
    this.#update(this.#health.sources);
  }

  #update(sources: readonly SourceStatus[]): void {
    const isKnown = this.#isCurrent && isInformed(this.#connection.read());
    if (sources === this.#health.sources && isKnown === this.#health.isKnown) return;
    this.#health = { sources, isKnown };
    for (const listener of this.#listeners) listener();
  }
}

export function useSourceHealth(health: SourceHealth): Health {
  return useSyncExternalStore(health.onChange, health.read);
}
