// Alert rules: what a viewer wants to be told, as kept in the browser.

export const ALERT_KINDS = ["above", "below", "move", "spread", "stale"] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

export interface AlertRule {
  id: string;
  symbol: string;
  /** The code of a source; null: all fresh sources. A price of all is the middle one, the lower of two. */
  source: string | null;
  kind: AlertKind;
  /** A positive decimal. above, below: a price; move: per cent; spread: basis points; stale: seconds. */
  level: string;
  /** Of "move": the minutes within which the price moves by so much. */
  windowMin: number;
}

export const MOST_RULES = 100;
export const LONGEST_WINDOW_MIN = 1_440;
const DECIMAL = /^\d{1,30}(\.\d{1,30})?$/;

/** Whether a rule is complete and means something. */
export function isRule(value: unknown): value is AlertRule {
  if (typeof value !== "object" || value === null) return false;
  const { id, symbol, source, kind, level, windowMin } = value as Record<string, unknown>;
  return (
    typeof id === "string" &&
    typeof symbol === "string" &&
    /^[^/]+\/[^/]+$/.test(symbol) &&
    (source === null || (typeof source === "string" && /^[A-Z][A-Z0-9_]*$/.test(source))) &&
    ALERT_KINDS.some((each) => each === kind) &&
    typeof level === "string" &&
    DECIMAL.test(level) &&
    /[1-9]/.test(level) &&
    typeof windowMin === "number" &&
    windowMin > 0 &&
    windowMin <= LONGEST_WINDOW_MIN
  );
}

/** Reads stored rules; what is unreadable, or from another version, is left out. */
export function readRules(stored: string | null): readonly AlertRule[] {
  try {
    const parsed: unknown = JSON.parse(stored ?? "[]");
    return Array.isArray(parsed) ? parsed.filter(isRule).slice(0, MOST_RULES) : [];
  } catch {
    return [];
  }
}
