// The elements <ratewire-rate> and <ratewire-table>. Text is set as text, and styles are a sheet object: pages with a strict
// policy can use them.
import { directionOf, formatChange, formatPrice, sourceName } from "../rates/figures";
import { formatAge } from "../rates/freshness";
import { type EmbeddedRate, RateStream, type State } from "./rate-stream";

const STYLE = `
:host { display: inline-block; font-variant-numeric: tabular-nums; }
:host([hidden]) { display: none; }
.up { color: var(--ratewire-up, #0a7440); }
.down { color: var(--ratewire-down, #b92b2b); }
.soft { opacity: 0.75; font-size: 0.85em; }
.price { font-weight: 600; }
.simulated { border: 1px solid; border-radius: 0.3em; padding: 0 0.3em; }
[data-state=stale] .price, [data-state=expired] .price, [data-state=offline] .price, [data-state=unavailable] .price { opacity: 0.6; }
[data-state=expired] .price { text-decoration: line-through; }
table { border-collapse: collapse; }
th, td { padding: 0.25em 0.75em; text-align: right; }
th:first-child { text-align: left; }
thead th { font-weight: 500; }
`;
const STATE_WORD: Record<State, string> = {
  waiting: "waiting",
  fresh: "",
  stale: "stale",
  expired: "expired",
  unavailable: "not available",
  offline: "no connection",
};

const script = document.currentScript instanceof HTMLScriptElement ? document.currentScript.src : document.baseURI;
const OWN_SERVER = new URL(script).origin;
const streams = new Map<string, RateStream>();
let sheet: CSSStyleSheet | null = null;

function streamOf(server: string | null): RateStream {
  const origin = server === null ? OWN_SERVER : new URL(server, document.baseURI).origin;
  const stream = streams.get(origin) ?? new RateStream(origin);
  streams.set(origin, stream);
  return stream;
}

function make<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, part: string, text = ""): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  element.className = part;
  element.setAttribute("part", part);
  element.textContent = text;
  return element;
}

function readSymbols(text: string | null): string[] {
  return (text ?? "").toUpperCase().split(",").map((each) => each.trim().replace(/^([^/]+)[-_]([^/]+)$/, "$1/$2")).filter((each) => each.includes("/"));
}

/** What one symbol shows. The parts stay; only their text changes. */
class Line {
  readonly price = make("span", "price");
  readonly change = make("span", "change");
  readonly source = make("span", "source soft");
  readonly age = make("span", "age soft");
  readonly simulated = make("span", "simulated soft", "simulated");
  readonly symbol: string;
  #shown: string | null = null;

  constructor(symbol: string) {
    this.symbol = symbol;
    this.simulated.hidden = true;
  }

  /** Shows the rate, and returns its state. */
  show(stream: RateStream, source: string | null): State {
    const rate = stream.rate(this.symbol, source, this.#shown);
    const state = stream.state(this.symbol, rate);
    this.#shown = rate?.source.code ?? null;
    set(this.price, rate === null ? "–" : formatPrice(rate.price));
    this.price.title = rate?.price ?? stream.message(this.symbol) ?? "";
    set(this.change, rate?.changePercent24h == null ? "" : formatChange(rate.changePercent24h));
    this.change.className = `change ${directionOf(rate?.changePercent24h ?? null)}`;
    set(this.source, rate === null ? "" : sourceName(rate.source.code));
    set(this.age, ageText(stream, rate, state));
    this.simulated.hidden = rate?.simulated !== true;
    return state;
  }
}

function ageText(stream: RateStream, rate: EmbeddedRate | null, state: State): string {
  const age = rate === null ? "" : `${formatAge(stream.ageMs(rate))} old`;
  return [STATE_WORD[state], age].filter(Boolean).join(", ");
}

function set(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

abstract class RatewireElement extends HTMLElement {
  static readonly observedAttributes = ["symbol", "symbols", "source", "server"];
  #end: (() => void) | null = null;

  /** Lines to keep current, and what holds each. */
  protected abstract build(root: ShadowRoot): [Line, HTMLElement][];

  connectedCallback(): void {
    this.attributeChangedCallback();
  }

  disconnectedCallback(): void {
    this.#end?.();
    this.#end = null;
  }

  attributeChangedCallback(): void {
    this.disconnectedCallback();
    if (!this.isConnected) return;
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    if (sheet === null) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
    }
    root.adoptedStyleSheets = [sheet];
    const lines = this.build(root);
    const stream = streamOf(this.getAttribute("server"));
    const source = this.getAttribute("source")?.toUpperCase() ?? null;
    const show = () => {
      for (const [line, holder] of lines) holder.dataset.state = line.show(stream, source);
    };
    this.#end = stream.watch(lines.map(([{ symbol }]) => symbol), show);
    show();
  }
}

class RatewireRate extends RatewireElement {
  protected override build(root: ShadowRoot): [Line, HTMLElement][] {
    const [symbol = ""] = readSymbols(this.getAttribute("symbol"));
    const holder = make("span", "rate");
    const line = new Line(symbol);
    const name = make("span", "symbol", symbol);
    holder.append(name, " ", line.price, " ", line.change, " ", line.source, " ", line.age, " ", line.simulated);
    root.replaceChildren(holder);
    return symbol === "" ? [] : [[line, holder]];
  }
}

class RatewireTable extends RatewireElement {
  protected override build(root: ShadowRoot): [Line, HTMLElement][] {
    const table = make("table", "table");
    const head = document.createElement("tr");
    for (const title of ["Symbol", "Price", "24 h", "Age"]) {
      const cell = make("th", "head", title);
      cell.scope = "col";
      head.append(cell);
    }
    table.createTHead().append(head);
    const body = table.createTBody();
    const lines = readSymbols(this.getAttribute("symbols")).map((symbol): [Line, HTMLElement] => {
      const line = new Line(symbol);
      const row = body.insertRow();
      const name = make("th", "symbol", symbol);
      name.scope = "row";
      row.append(name);
      row.insertCell().append(line.price);
      row.insertCell().append(line.change);
      row.insertCell().append(line.age, " ", line.simulated);
      return [line, row];
    });
    root.replaceChildren(table);
    return lines;
  }
}

// A page may load the script twice.
if (customElements.get("ratewire-rate") === undefined) {
  customElements.define("ratewire-rate", RatewireRate);
  customElements.define("ratewire-table", RatewireTable);
}
