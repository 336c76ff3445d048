// Watches the symbols of all alert rules, also while the page is hidden, and keeps what has fired.
import type { Gateway } from "../graphql/gateway";
import { WatchedDocument, type WatchedSubscription, type WatchedSubscriptionVariables } from "../graphql/generated";
import { type ConnectionState, FIRST_STATE, isReceiving, nextState } from "../live/connection-state";
import { RatesFeed, type RatesStep } from "../live/rates-feed";
import { AlertEngine, type AlertQuote, type Firing } from "./engine";
import type { AlertRule } from "./rules";

type WatchedRate = NonNullable<WatchedSubscription["rates"]>["items"][number];

/** Of one page; older ones are dropped. */
export const MOST_FIRED = 50;

export interface WatchState {
  /** Newest first. */
  fired: readonly Firing[];
  /** Whether rates arrive. Without them no alert is judged. */
  isWatching: boolean;
}

export class AlertWatch {
  readonly #gateway: Gateway;
  readonly #onFired: (firing: Firing) => void;
  readonly #listeners = new Set<() => void>();
  #engines: readonly AlertEngine[] = [];
  #feed: RatesFeed<WatchedRate, WatchedSubscriptionVariables> | null = null;
  #symbols = "";
  #quotes = new Map<string, Map<string, AlertQuote>>();
  #connection: ConnectionState = FIRST_STATE;
  #state: WatchState = { fired: [], isWatching: false };

  constructor(gateway: Gateway, onFired: (firing: Firing) => void) {
    this.#gateway = gateway;
    this.#onFired = onFired;
  }

  /** Replaces the rules. One that stays keeps whether it is armed. */
  watch(rules: readonly AlertRule[]): void {
    this.#engines = rules.map((rule) => this.#engines.find((engine) => JSON.stringify(engine.rule) === JSON.stringify(rule)) ?? new AlertEngine(rule));
    const symbols = [...new Set(rules.map(({ symbol }) => symbol))].sort();
    if (symbols.join() === this.#symbols) return;
    this.#symbols = symbols.join();
    this.#feed?.leave();
    this.#feed = null;
    this.#quotes = new Map();
    this.#connection = FIRST_STATE;
    this.#update({ isWatching: false });
    if (symbols.length === 0) return;
    this.#feed = new RatesFeed(this.#gateway, WatchedDocument, { symbols }, {
      onStep: (step, replaces) => this.#receive(step, replaces),
      onConnection: (event) => {
        this.#connection = nextState(this.#connection, event);
        this.#update({ isWatching: isReceiving(this.#connection) });
      },
    });
    this.#feed.start();
  }

  retryNow(): void {
    this.#feed?.retryNow();
  }

  forget(): void {
    this.#update({ fired: [] });
  }

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly read = (): WatchState => this.#state;

  #receive(step: RatesStep<WatchedRate>, replaces: boolean): void {
    if (replaces) this.#quotes = new Map();
    for (const rate of step.items) this.#put(rate);
    // What is suspect or no longer tracked has no price.
    for (const { symbol, source } of step.unavailable) {
      if (source === null) this.#quotes.delete(symbol);
      else this.#quotes.get(symbol)?.delete(source.code);
    }
    this.#judge(Date.parse(step.sentAt));
  }

  #put({ symbol, source, price, observedAt, ttlMs, simulated }: WatchedRate): void {
    const quotes = this.#quotes.get(symbol) ?? new Map<string, AlertQuote>();
    this.#quotes.set(symbol, quotes.set(source.code, { source: source.code, price, observedAtMs: Date.parse(observedAt), ttlMs, simulated }));
  }

  /** By the gateway's time of the event: the viewer's clock may be wrong, and timers of a hidden page are late. */
  #judge(nowMs: number): void {
    const hasLive = [...this.#quotes.values()].some((quotes) => [...quotes.values()].some(({ simulated }) => !simulated));
    for (const engine of this.#engines) {
      const quotes = this.#quotes.get(engine.rule.symbol);
      const firing = quotes === undefined ? null : engine.judge([...quotes.values()], nowMs, hasLive);
      if (firing === null) continue;
      this.#update({ fired: [firing, ...this.#state.fired].slice(0, MOST_FIRED) });
      this.#onFired(firing);
    }
  }

  #update(change: Partial<WatchState>): void {
    const isSame = Object.entries(change).every(([key, value]) => this.#state[key as keyof WatchState] === value);
    if (isSame) return;
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}
