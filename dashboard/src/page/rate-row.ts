// One rate as a row of the table. Writes a cell only when its text has changed.
import { compareDecimals } from "../rates/decimal";
import { formatAge, type Freshness, freshnessOf } from "../rates/freshness";
import type { Rate } from "../rates/rate";
import type { ServerClock } from "../rates/server-clock";
import { setText } from "./cell-text";

const FLASH_MS = 900;
const FRESHNESS_WORD: Record<Freshness, string> = { FRESH: "fresh", STALE: "stale", EXPIRED: "expired" };
const stillness = window.matchMedia("(prefers-reduced-motion: reduce)");

export class RateRow {
  readonly element: HTMLTableRowElement;
  readonly symbol: string;
  readonly source: string;
  readonly #price = cell("number price");
  readonly #change = cell("number change");
  readonly #age = cell("number age");
  readonly #freshness = cell("freshness");
  readonly #word = document.createElement("span");
  #rate: Rate;
  #observedAtMs = 0;
  #shown: Freshness | null = null;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.symbol = rate.symbol;
    this.source = rate.source;
    this.#word.className = "word";
    this.#freshness.append(this.#word);
    this.element = document.createElement("tr");
    this.element.setAttribute("role", "row");
    this.element.dataset["id"] = rate.id;
    this.element.append(symbolCell(rate), cell("source", rate.source), this.#price, this.#change, this.#age, this.#freshness);
    this.#write(rate);
  }

  get freshness(): Freshness {
    return this.#shown ?? "FRESH";
  }

  get simulated(): boolean {
    return this.#rate.simulated;
  }

  /** Takes the newer rate over; `flash` shows the eye in which direction the price went. */
  update(rate: Rate, flash: boolean): void {
    const direction = compareDecimals(rate.price, this.#rate.price);
    this.#write(rate);
    if (flash && direction !== 0) this.#flash(direction > 0 ? "up" : "down");
  }

  /** Brings age and freshness to `nowMs` (the viewer's clock). */
  tick(clock: ServerClock, nowMs: number): void {
    const ageMs = clock.ageMs(this.#observedAtMs, nowMs);
    setText(this.#age, formatAge(ageMs));
    const freshness = freshnessOf(ageMs, this.#rate.ttlMs);
    if (freshness === this.#shown) return;
    this.#shown = freshness;
    this.element.dataset["freshness"] = freshness;
    this.#word.dataset["freshness"] = freshness;
    setText(this.#word, FRESHNESS_WORD[freshness]);
  }

  #write(rate: Rate): void {
    this.#rate = rate;
    this.#observedAtMs = Date.parse(rate.observedAt);
    setText(this.#price, rate.price);
    setText(this.#change, formatChange(rate.changePercent24h));
    this.#change.dataset["direction"] = directionOf(rate.changePercent24h);
    this.#age.title = `Observed ${rate.observedAt} (${rate.observedAtOrigin === "SOURCE" ? "source's time" : "our arrival time"})`;
  }

  #flash(direction: "up" | "down"): void {
    if (stillness.matches) return;
    const keyframes = [{ backgroundColor: `var(--flash-${direction})` }, { backgroundColor: "transparent" }];
    this.#price.animate(keyframes, { duration: FLASH_MS, easing: "ease-out" });
  }
}

function cell(className: string, text = ""): HTMLTableCellElement {
  const td = document.createElement("td");
  td.className = className;
  td.textContent = text;
  td.setAttribute("role", "cell");
  return td;
}

function symbolCell(rate: Rate): HTMLTableCellElement {
  const th = document.createElement("th");
  th.scope = "row";
  th.className = "symbol";
  th.setAttribute("role", "rowheader");
  const quote = document.createElement("span");
  quote.className = "quote";
  quote.textContent = `/${rate.quote}`;
  th.append(rate.base, quote);
  return th;
}

/** Two decimals are for the eye; a change is no price, and the API has all its digits. */
function formatChange(percent: string | null): string {
  if (percent === null) return "–";
  const rounded = Number(percent).toFixed(2).replace(/^-(0\.00)$/, "$1");
  return `${Number(rounded) > 0 ? "+" : ""}${rounded.replace("-", "−")} %`;
}

function directionOf(percent: string | null): "up" | "down" | "flat" {
  const direction = percent === null ? 0 : compareDecimals(percent, "0");
  return direction === 0 ? "flat" : direction > 0 ? "up" : "down";
}
