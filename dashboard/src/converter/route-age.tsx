// The age of the oldest rate on a route, and the worst freshness of its rates, as time passes.
import { useSyncExternalStore } from "react";
import { onSecondHand } from "../live/second-hand";
import { type Freshness, formatAge, freshnessOf } from "../rates/freshness";
import { clock } from "../stores/session";
import type { LiveConversion } from "./live-conversions";

export type Leg = LiveConversion["legs"][number];

const WORST_FIRST: readonly Freshness[] = ["EXPIRED", "STALE", "FRESH"];

export function RouteAge({ legs }: { legs: readonly Leg[] }) {
  const read = () => {
    const rates = legs.flatMap(({ rate }) => (rate === null ? [] : [{ ageMs: clock.ageMs(Date.parse(rate.observedAt), Date.now()), ttlMs: rate.ttlMs }]));
    if (rates.length === 0) return "FRESH –";
    const each = rates.map(({ ageMs, ttlMs }) => freshnessOf(ageMs, ttlMs));
    return `${WORST_FIRST.find((freshness) => each.includes(freshness)) ?? "FRESH"} ${formatAge(Math.max(...rates.map(({ ageMs }) => ageMs)))}`;
  };
  const text = useSyncExternalStore(onSecondHand, read);
  const [freshness = "FRESH", ...age] = text.split(" ");
  return (
    <span className="age" data-freshness={freshness}>
      {age.join(" ")}
      {freshness !== "FRESH" && ` ${freshness.toLowerCase()}`}
    </span>
  );
}
