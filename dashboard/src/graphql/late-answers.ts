// Which queries had no answer in time, for a notice to the viewer: the page asks them again.
import type { Exchange, OperationResult } from "urql";
import { onPush, pipe } from "wonka";
import { isLate } from "./fetch-in-time";

/** Longer than any query waits for its next attempt and its answer; a view that was left asks no more. */
const FORGOTTEN_AFTER_MS = 45_000;

export class LateAnswers {
  /** Identifiers of documents. */
  readonly #late = new Set<unknown>();
  readonly #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  readonly exchange: Exchange =
    ({ forward }) =>
    (operations) =>
      pipe(
        forward(operations),
        onPush((result) => this.#note(result)),
      );

  /** Whether some answer is late. */
  readonly read = (): boolean => this.#late.size > 0;

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #note({ operation, error }: OperationResult): void {
    if (operation.kind !== "query") return;
    const wasLate = this.read();
    const { documentId } = operation.query as { documentId?: unknown };
    if (!isLate(error)) this.#late.delete(documentId);
    else {
      this.#late.add(documentId);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#forget(), FORGOTTEN_AFTER_MS);
    }
    if (!this.read()) clearTimeout(this.#timer);
    if (wasLate !== this.read()) this.#tell();
  }

  #forget(): void {
    this.#late.clear();
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
