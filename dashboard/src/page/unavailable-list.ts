// What was asked for and cannot be had, each with its reason, folded under the table.
import type { Rate, UnavailableRate } from "../rates/rate";

export class UnavailableList {
  readonly #details: HTMLElement;
  readonly #summary: HTMLElement;
  readonly #list: HTMLElement;
  #shown = "";
  readonly #entries = new Map<string, UnavailableRate>();

  constructor(details: HTMLElement, summary: HTMLElement, list: HTMLElement) {
    this.#details = details;
    this.#summary = summary;
    this.#list = list;
  }

  replace(unavailable: readonly UnavailableRate[]): void {
    this.#entries.clear();
    this.#add(unavailable);
    this.#draw();
  }

  /** Adds what is missing now, and takes out what has since arrived. */
  merge(unavailable: readonly UnavailableRate[], arrived: readonly Rate[]): void {
    if (unavailable.length === 0 && this.#entries.size === 0) return;
    this.#add(unavailable);
    for (const rate of arrived) {
      this.#entries.delete(key(rate.symbol, rate.source));
      this.#entries.delete(key(rate.symbol, null));
    }
    this.#draw();
  }

  #add(unavailable: readonly UnavailableRate[]): void {
    for (const entry of unavailable) this.#entries.set(key(entry.symbol, entry.source), entry);
  }

  #draw(): void {
    const text = [...this.#entries].map(([id, entry]) => `${id}${entry.reason}${entry.message}`).join();
    if (text === this.#shown) return;
    this.#shown = text;
    const count = this.#entries.size;
    this.#details.hidden = count === 0;
    this.#summary.textContent = count === 1 ? "1 rate is not available" : `${count} rates are not available`;
    this.#list.replaceChildren(...[...this.#entries.values()].map(item));
  }
}

function key(symbol: string, source: string | null): string {
  return `${source ?? "*"}:${symbol}`;
}

function item(entry: UnavailableRate): HTMLLIElement {
  const li = document.createElement("li");
  const name = document.createElement("b");
  name.textContent = entry.source === null ? entry.symbol : `${entry.symbol} ${entry.source}`;
  li.append(name, ` ${entry.message} (${entry.reason})`);
  return li;
}
