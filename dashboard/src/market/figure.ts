// What a cell of the market table shows, and its writing into the document: only what differs from before.
import type { Freshness } from "../rates/freshness";
import type { InstrumentRow } from "../stores/instrument-row";
import { flashes, stillness } from "./flash";

export type Move = "up" | "down";

/** A text in an element, with what its style depends on. */
export interface Figure {
  className: string;
  text: string;
  title?: string | undefined;
  direction?: Move | "flat" | undefined;
  freshness?: Freshness | undefined;
  /** Whether the text is marked as a recent change. */
  isNew?: boolean;
  /** In sight, but not read out: before the text. */
  sign?: string;
  /** Read out, but not in sight: before and after the text. */
  spokenBefore?: string;
  spokenAfter?: string;
  /** A change of `moves` lights the figure, unless `of` has changed too: it is another figure then. */
  flash?: { of: string; moves: number; direction: Move | null };
}

/** A part of a row that is written when the row has changed. */
export interface CellView {
  update(row: InstrumentRow): void;
}

/** An element with a figure. */
export class FigureElement {
  readonly element = document.createElement("span");
  readonly #text = document.createTextNode("");
  readonly #around: { sign?: HTMLElement; spokenBefore?: HTMLElement; spokenAfter?: HTMLElement } = {};
  #shown: Figure = { className: "", text: "" };

  constructor() {
    this.element.append(this.#text);
  }

  show(figure: Figure): void {
    const { element } = this;
    const before = this.#shown;
    this.#shown = figure;
    if (figure.className !== before.className) element.className = figure.className;
    if (figure.text !== before.text) this.#text.data = figure.text;
    if (figure.title !== before.title) setAttribute(element, "title", figure.title);
    if (figure.direction !== before.direction) setAttribute(element, "data-direction", figure.direction);
    if (figure.freshness !== before.freshness) setAttribute(element, "data-freshness", figure.freshness);
    if (figure.isNew !== before.isNew) setAttribute(element, "data-new", figure.isNew ? "true" : undefined);
    if (figure.sign !== before.sign) this.#surround("sign", figure.sign);
    if (figure.spokenBefore !== before.spokenBefore) this.#surround("spokenBefore", figure.spokenBefore);
    if (figure.spokenAfter !== before.spokenAfter) this.#surround("spokenAfter", figure.spokenAfter);
    const { flash } = figure;
    const isMove = flash !== undefined && flash.of === before.flash?.of && flash.moves !== before.flash.moves;
    if (isMove && flash.direction !== null && !stillness.matches) flashes.light(element, flash.direction);
  }

  /** An age is spoken anew each second: its text changes, not its element. */
  #surround(part: "sign" | "spokenBefore" | "spokenAfter", text = ""): void {
    const present = this.#around[part];
    if (text === "") {
      present?.remove();
      return;
    }
    const element = present ?? this.#makeAround(part);
    const [node] = element.childNodes;
    if (node instanceof Text) node.data = text;
    if (element.parentNode !== null) return;
    if (part === "spokenAfter") this.#text.after(element);
    else if (part === "sign") this.#text.before(element);
    else this.element.prepend(element);
  }

  #makeAround(part: "sign" | "spokenBefore" | "spokenAfter"): HTMLElement {
    const element = document.createElement("span");
    if (part === "sign") element.setAttribute("aria-hidden", "true");
    else element.className = "unseen";
    element.append(document.createTextNode(""));
    this.#around[part] = element;
    return element;
  }
}

export function setAttribute(element: Element, name: string, value: string | undefined): void {
  if (value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/** A cell with one figure. */
export function figureCell(figureOf: (row: InstrumentRow) => Figure): (cell: HTMLElement) => CellView {
  return (cell) => {
    const figure = new FigureElement();
    cell.append(figure.element);
    return { update: (row) => figure.show(figureOf(row)) };
  };
}
