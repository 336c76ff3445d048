// Health of every source, kept up to date while the page is visible.
import { useSyncExternalStore } from "react";
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
  #health: Health = { sources: [], isKnown: false };
  readonly #kept: KeptSubscription<SourceHealthSubscription, SourceHealthSubscriptionVariables>;
  readonly #listeners = new Set<() => void>();

  constructor(gateway: Gateway, onSources: (names: readonly string[]) => void) {
    this.#kept = new KeptSubscription(gateway.client, SourceHealthDocument, {
      variables: () => ({}),
      onData: ({ sources }) => {
        if (sources === null) return;
        this.exchanges = sources.filter(({ source }) => source.kind === "EXCHANGE").map(({ source }) => source.code);
        onSources(sources.map(({ source }) => source.code));
        this.#tell({ sources, isKnown: true });
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
    if (this.#health.isKnown) this.#tell({ ...this.#health, isKnown: false });
  }

  #tell(health: Health): void {
    this.#health = health;
    for (const listener of this.#listeners) listener();
  }
}

export function useSourceHealth(health: SourceHealth): Health {
  return useSyncExternalStore(health.onChange, health.read);
}
