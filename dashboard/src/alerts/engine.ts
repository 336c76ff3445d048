// Decides when an alert fires. Pure: time and quotes are arguments. It judges fresh quotes only, and each crossing once.
import { compareDecimals } from "../rates/decimal";
import { ONE, unitsOf } from "../rates/units";
import { PriceWindow } from "./price-window";
import type { AlertRule } from "./rules";

/** The newest rate of a source. Suspect and unavailable ones are not among the quotes. */
export interface AlertQuote {
  source: string;
  price: string;
  observedAtMs: number;
  ttlMs: number;
  simulated: boolean;
}

export interface Firing {
  rule: AlertRule;
  /** By the gateway's clock. */
  atMs: number;
  /** What has crossed: a price, per cent, basis points or seconds. */
  value: string;
  simulated: boolean;
}

/** The price must come back by a thousandth beyond the level before the rule is armed again: a price that dances on it fires once. */
const REARM_PRICE = { above: 999n, below: 1_001n } as const;
const REARM_OF = 1_000n;
/** A spread must fall to nine tenths of its level. */
const REARM_SPREAD = 9n;
const REARM_SPREAD_OF = 10n;
const BPS = 10_000n;
const MINUTE_MS = 60_000;

export class AlertEngine {
  readonly rule: AlertRule;
  /** Null before the first usable value: a rule that is met already when it begins does not fire. */
  #isArmed: boolean | null = null;
  readonly #level: bigint;
  readonly #window: PriceWindow;

  constructor(rule: AlertRule) {
    this.rule = rule;
    this.#level = unitsOf(rule.level);
    this.#window = new PriceWindow(rule.windowMin * MINUTE_MS);
  }

  /**
   * Judges the newest quotes of the symbol at `nowMs` of the gateway. `hasLive`: some rate of the page is no simulated one;
   * then simulated ones count for nothing.
   */
  judge(quotes: readonly AlertQuote[], nowMs: number, hasLive: boolean): Firing | null {
    const own = quotes.filter((quote) => (this.rule.source === null || quote.source === this.rule.source) && !(hasLive && quote.simulated));
    if (this.rule.kind === "stale") return this.#judgeAge(own, nowMs);
    const fresh = own.filter(({ observedAtMs, ttlMs }) => nowMs - observedAtMs <= ttlMs);
    const value = this.rule.kind === "spread" ? this.#judgeSpread(fresh) : this.#judgePrice(middle(fresh), nowMs);
    return value === null ? null : this.#fire(value, nowMs, fresh);
  }

  #judgePrice(quote: AlertQuote | null, nowMs: number): string | null {
    if (quote === null) return null;
    const price = unitsOf(quote.price);
    if (this.rule.kind === "move") return this.#judgeMove(price, nowMs);
    const isAbove = this.rule.kind === "above";
    const isBeyond = isAbove ? price >= this.#level : price <= this.#level;
    const limit = this.#level * (isAbove ? REARM_PRICE.above : REARM_PRICE.below);
    const isBack = isAbove ? price * REARM_OF <= limit : price * REARM_OF >= limit;
    return this.#cross(isBeyond, isBack) ? quote.price : null;
  }

  /** The window begins anew with the price that fired, so the next alert tells of another move. */
  #judgeMove(price: bigint, nowMs: number): string | null {
    this.#window.add(price, nowMs);
    const { lowest, highest } = this.#window;
    const isUp = (price - lowest) * 100n * ONE >= lowest * this.#level;
    const isDown = (highest - price) * 100n * ONE >= highest * this.#level;
    if (!isUp && !isDown) return null;
    this.#window.restart(price, nowMs);
    // Both ends may be that far away; the nearer in time is not known, so the larger move is told.
    const up = percent(price - lowest, lowest);
    const down = percent(price - highest, highest);
    return isUp && (!isDown || up >= -down) ? up.toFixed(2) : down.toFixed(2);
  }

  #judgeSpread(fresh: readonly AlertQuote[]): string | null {
    if (fresh.length < 2) return null;
    const sorted = ascending(fresh);
    const [low, high] = [unitsOf(sorted[0]?.price ?? "0"), unitsOf(sorted.at(-1)?.price ?? "0")];
    // In basis points of the middle of both: (high - low) / ((high + low) / 2).
    const [apart, level] = [(high - low) * 2n * BPS * ONE, (high + low) * this.#level];
    return this.#cross(apart >= level, apart * REARM_SPREAD_OF <= level * REARM_SPREAD) ? (Number(apart / (high + low)) / Number(ONE)).toFixed(1) : null;
  }

  #judgeAge(quotes: readonly AlertQuote[], nowMs: number): Firing | null {
    if (quotes.length === 0) return null;
    const ageMs = nowMs - Math.max(...quotes.map(({ observedAtMs }) => observedAtMs));
    const isOld = BigInt(Math.max(0, Math.floor(ageMs))) * ONE > this.#level * 1_000n;
    return this.#cross(isOld, !isOld) ? this.#fire(String(Math.floor(ageMs / 1_000)), nowMs, quotes) : null;
  }

  /** Returns whether an armed rule is met now; arms it again once the value is back. */
  #cross(isBeyond: boolean, isBack: boolean): boolean {
    const fires = this.#isArmed === true && isBeyond;
    if (isBeyond) this.#isArmed = false;
    else if (this.#isArmed === null || isBack) this.#isArmed = true;
    return fires;
  }

  #fire(value: string, atMs: number, quotes: readonly AlertQuote[]): Firing {
    return { rule: this.rule, atMs, value, simulated: quotes.some(({ simulated }) => simulated) };
  }
}

/** The quote in the middle by price, the lower of two: a published price, not a computed one. */
function middle(quotes: readonly AlertQuote[]): AlertQuote | null {
  const sorted = ascending(quotes);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}

function ascending(quotes: readonly AlertQuote[]): AlertQuote[] {
  return [...quotes].sort((one, other) => compareDecimals(one.price, other.price));
}

/** For display. */
function percent(change: bigint, from: bigint): number {
  return Number((change * 1_000_000n) / from) / 10_000;
}
