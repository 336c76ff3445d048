// How every source is doing, kept up to date for as long as the page is seen.
import { useSyncExternalStore } from "react";
import type { Gateway } from "../graphql/gateway";
import { SourceHealthDocument, type SourceHealthSubscription, type SourceHealthSubscriptionVariables } from "../graphql/generated";
import { KeptSubscription } from "../live/kept-subscription";
import type { Pausable } from "../live/visibility";

export type SourceStatus = SourceHealthSubscription["sources"][number];

export interface Health {
  /** As last heard. */
  sources: readonly SourceStatus[];
  /** Whether that is kept up to date: a green light without a gateway behind it would be a guess. */
  isKnown: boolean;
}

export class SourceHealth implements Pausable {
  #health: Health = { sources: [], isKnown: false };
  readonly #kept: KeptSubscription<SourceHealthSubscription, SourceHealthSubscriptionVariables>;
  readonly #listeners = new Set<() => void>();

  constructor(gateway: Gateway, onSources: (names: readonly string[]) => void) {
    this.#kept = new KeptSubscription(gateway.client, SourceHealthDocument, {
      variables: () => ({}),
      onData: ({ sources }) => {
        onSources(sources.map(({ source }) => source));
        this.#tell({ sources, isKnown: true });
      },
      // The view's feed says that the connection is gone; one voice is enough.
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
