// What this browser remembers of its owner's choices. A browser that forbids it forgets, and all else works.
import { useSyncExternalStore } from "react";

export class Remembered<Value> {
  readonly #key: string;
  readonly #listeners = new Set<() => void>();
  #value: Value;

  /** `read` makes a value of whatever is stored, also of null and of what another version left there. */
  constructor(key: string, read: (stored: string | null) => Value) {
    this.#key = `ratewire.${key}`;
    this.#value = read(load(this.#key));
    // Another tab of the same browser has changed it.
    window.addEventListener("storage", ({ key: changed, newValue }) => {
      if (changed !== this.#key) return;
      this.#value = read(newValue);
      this.#tell();
    });
  }

  get value(): Value {
    return this.#value;
  }

  set(value: Value, stored: string): void {
    this.#value = value;
    try {
      localStorage.setItem(this.#key, stored);
    } catch {
      // Forbidden or full: it holds until the page is closed.
    }
    this.#tell();
  }

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function load(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function useRemembered<Value>(remembered: Remembered<Value>): Value {
  return useSyncExternalStore(remembered.onChange, () => remembered.value);
}
