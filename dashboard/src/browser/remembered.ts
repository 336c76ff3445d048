// Preferences stored in the browser. If it forbids storage, they last until the page is closed.
import { useSyncExternalStore } from "react";

export class Remembered<Value> {
  readonly #key: string;
  readonly #listeners = new Set<() => void>();
  #value: Value;

  /** `read` converts the stored text, which may be null or from another version, to a value. */
  constructor(key: string, read: (stored: string | null) => Value) {
    this.#key = `ratewire.${key}`;
    this.#value = read(load(this.#key));
    // Another tab of this browser changed it. Tests without a browser have no such events.
    globalThis.addEventListener?.("storage", ({ key: changed, newValue }) => {
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
      // Storage is forbidden or full: the value lasts until the page is closed.
    }
    this.#tell();
  }

  /** Sets a value for this page only. */
  show(value: Value): void {
    this.#value = value;
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
