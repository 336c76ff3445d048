// One event stream of a page for all its elements. The browser's EventSource reconnects by itself and resumes with the last
// cursor, which the gateway sends as the id of each event.
import { EmbedDocument } from "../graphql/generated";
import { isNotTaken } from "../graphql/named-document";

export interface EmbeddedRate {
  symbol: string;
  source: { code: string };
  price: string;
  changePercent24h: string | null;
  observedAt: string;
  ttlMs: number;
  simulated: boolean;
}

interface RatesEvent {
  kind: string;
  recovered: boolean | null;
  items: EmbeddedRate[];
  unavailable: { symbol: string; source: { code: string } | null; message: string }[];
  sentAt: string;
}

/** Elements that are added together share a stream from the start. */
const GATHER_MS = 20;
/** A stream that the gateway has refused is tried again, since it may be restarted with other settings. */
const RETRY_MS = 30_000;
/** The gateway speaks at least every 5 s. */
const SILENT_AFTER_MS = 12_000;
const TICK_MS = 1_000;
const EXPIRED_AFTER_TTLS = 10;

export type State = "waiting" | "fresh" | "stale" | "expired" | "unavailable" | "offline";

export class RateStream {
  readonly #url: string;
  readonly #listeners = new Map<() => void, readonly string[]>();
  /** By symbol, then by source. */
  readonly #rates = new Map<string, Map<string, EmbeddedRate>>();
  readonly #messages = new Map<string, string>();
  #stream: EventSource | null = null;
  /** Whether the gateway does not take the identifier of the document. */
  #sendsText = false;
  #streamed = "";
  #opening: number | undefined;
  #ticking: number | undefined;
  #heardAtMs = 0;
  /** The gateway's clock less the viewer's; the largest is nearest, because transfer takes time. */
  #offsetMs = Number.NEGATIVE_INFINITY;

  constructor(server: string) {
    this.#url = `${server}/graphql`;
  }

  /** Calls `listener` when a rate of `symbols` or its age has changed. Returns a function that ends this. */
  watch(symbols: readonly string[], listener: () => void): () => void {
    this.#listeners.set(listener, symbols);
    this.#open();
    this.#ticking ??= window.setInterval(() => this.#tell(), TICK_MS);
    return () => {
      this.#listeners.delete(listener);
      this.#open();
    };
  }

  /** The rate of a source; without one, of `before` while that is fresh, then of the newest fresh one, then of the newest. */
  rate(symbol: string, source: string | null, before: string | null): EmbeddedRate | null {
    const rates = this.#rates.get(symbol);
    if (rates === undefined) return null;
    if (source !== null) return rates.get(source) ?? null;
    const kept = rates.get(before ?? "");
    if (kept !== undefined && this.ageMs(kept) <= kept.ttlMs) return kept;
    const byAge = [...rates.values()].sort((one, other) => this.ageMs(one) - this.ageMs(other));
    return byAge.find((each) => this.ageMs(each) <= each.ttlMs) ?? byAge[0] ?? null;
  }

  ageMs({ observedAt }: EmbeddedRate): number {
    const offsetMs = Number.isFinite(this.#offsetMs) ? this.#offsetMs : 0;
    return Math.max(0, Date.now() + offsetMs - Date.parse(observedAt));
  }

  state(symbol: string, rate: EmbeddedRate | null): State {
    const isHeard = Date.now() - this.#heardAtMs < SILENT_AFTER_MS;
    if (rate === null) return this.#messages.has(symbol) ? "unavailable" : isHeard || this.#heardAtMs === 0 ? "waiting" : "offline";
    const ageMs = this.ageMs(rate);
    if (ageMs > rate.ttlMs * EXPIRED_AFTER_TTLS) return "expired";
    if (ageMs > rate.ttlMs) return "stale";
    // A price may be fresh by its age and yet not be the last one.
    return isHeard ? "fresh" : "offline";
  }

  message(symbol: string): string | null {
    return this.#messages.get(symbol) ?? null;
  }

  #open(): void {
    window.clearTimeout(this.#opening);
    this.#opening = window.setTimeout(() => {
      const symbols = [...new Set([...this.#listeners.values()].flat())].sort();
      if (symbols.length === 0) this.#close();
      else if (symbols.join() !== this.#streamed || this.#stream === null) this.#connect(symbols);
    }, GATHER_MS);
  }

  #close(): void {
    this.#stream?.close();
    this.#stream = null;
    window.clearInterval(this.#ticking);
    this.#ticking = undefined;
  }

  #connect(symbols: readonly string[]): void {
    this.#stream?.close();
    this.#streamed = symbols.join();
    const { documentId, text } = EmbedDocument;
    const asked = new URLSearchParams({ ...(this.#sendsText ? { query: text } : { documentId }), variables: JSON.stringify({ symbols }) });
    const stream = new EventSource(`${this.#url}?${asked}`);
    this.#stream = stream;
    stream.addEventListener("next", ({ data }) => this.#receive(JSON.parse(data)));
    stream.addEventListener("complete", () => this.#retry(stream));
    stream.addEventListener("error", () => stream.readyState === EventSource.CLOSED && this.#retry(stream));
  }

  #retry(stream: EventSource): void {
    stream.close();
    window.setTimeout(() => {
      if (this.#stream !== stream) return;
      this.#stream = null;
      this.#sendsText = false;
      this.#open();
    }, RETRY_MS);
  }

  #receive({ data, errors }: { data?: { rates: RatesEvent | null }; errors?: { message: string; extensions?: { code?: unknown } }[] }): void {
    const event = data?.rates;
    if (event == null) {
      if (!this.#sendsText && isNotTaken(errors)) {
        this.#sendsText = true;
        this.#connect(this.#streamed.split(","));
        return;
      }
      for (const symbol of this.#streamed.split(",")) this.#messages.set(symbol, errors?.[0]?.message ?? "");
      this.#tell();
      return;
    }
    this.#heardAtMs = Date.now();
    this.#offsetMs = Math.max(event.kind === "SNAPSHOT" ? Number.NEGATIVE_INFINITY : this.#offsetMs, Date.parse(event.sentAt) - Date.now());
    if (event.kind === "GAP") return;
    if (event.kind === "SNAPSHOT" && event.recovered !== true) this.#rates.clear();
    for (const rate of event.items) {
      const rates = this.#rates.get(rate.symbol) ?? new Map<string, EmbeddedRate>();
      this.#rates.set(rate.symbol, rates.set(rate.source.code, rate));
      this.#messages.delete(rate.symbol);
    }
    for (const { symbol, source, message } of event.unavailable) {
      if (source === null) this.#rates.delete(symbol);
      else this.#rates.get(symbol)?.delete(source.code);
      if ((this.#rates.get(symbol)?.size ?? 0) === 0) this.#messages.set(symbol, message);
    }
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners.keys()) listener();
  }
}
