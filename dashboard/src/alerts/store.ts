// The rules of this browser, and the one watch over them. Of several tabs one watches, so that each crossing is told once.
import { Remembered } from "../browser/remembered";
import { gateway } from "../stores/session";
import { type AlertRule, MOST_RULES, readRules } from "./rules";
import { signal } from "./signals";
import { AlertWatch } from "./watch";

export const rules = new Remembered<readonly AlertRule[]>("alerts", readRules);
export const watch = new AlertWatch(gateway, signal);

export function addRule(rule: AlertRule): void {
  store([...rules.value, rule].slice(-MOST_RULES));
}

export function removeRule(id: string): void {
  store(rules.value.filter((rule) => rule.id !== id));
}

function store(changed: readonly AlertRule[]): void {
  rules.set(changed, JSON.stringify(changed));
}

/** Watches until the page is closed. Without locks (a page without TLS) each tab watches. */
export function startWatching(): void {
  if (navigator.locks === undefined) follow();
  else void navigator.locks.request("ratewire.alerts", () => new Promise<never>(follow));
}

function follow(): void {
  rules.onChange(() => watch.watch(rules.value));
  window.addEventListener("online", () => watch.retryNow());
  watch.watch(rules.value);
}
