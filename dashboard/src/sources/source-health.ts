// How every source is doing, kept up to date for as long as the page is seen.
import { useSyncExternalStore } from "react";
import type { Gateway } from "../graphql/gateway";
import { SourceHealthDocument, type SourceHealthSubscription, type SourceHealthSubscriptionVariables } from "../graphql/generated";
import { KeptSubscription } from "../live/kept-subscription";
import type { Pausable } from "../live/visibility";

export type SourceStatus = SourceHealthSubscription["sources"][number];

export class SourceHealth implements Pausable {
  #sources: readonly SourceStatus[] = [];
  readonly #kept: KeptSubscription<SourceHealthSubscription, SourceHealthSubscriptionVariables>;
  readonly #listeners = new Set<() => void>();

  constructor(gateway: Gateway, onSources: (names: readonly string[]) => void) {
    this.#kept = new KeptSubscription(gateway.client, SourceHealthDocument, {
      variables: () => ({}),
      onData: ({ sources }) => {
        this.#sources = sources;
        onSources(sources.map(({ source }) => source));
        for (const listener of this.#listeners) listener();
      },
      // The view's feed says that the connection is gone; one voice is enough.
      onLost: () => undefined,
    });
  }

  start(): void {
    this.#kept.start();
  }

  pause(): void {
    this.#kept.stop();
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

  readonly read = (): readonly SourceStatus[] => this.#sources;
}

export function useSourceHealth(health: SourceHealth): readonly SourceStatus[] {
  return useSyncExternalStore(health.onChange, health.read);
}
