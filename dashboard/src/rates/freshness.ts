// The gateway's freshness rule, applied again as time passes between two events.

export type Freshness = "FRESH" | "STALE" | "EXPIRED";

/** A rate older than this many TTLs is expired, as in the gateway. */
const EXPIRED_AFTER_TTLS = 10;

export function freshnessOf(ageMs: number, ttlMs: number): Freshness {
  if (ageMs <= ttlMs) return "FRESH";
  return ageMs <= ttlMs * EXPIRED_AFTER_TTLS ? "STALE" : "EXPIRED";
}

/** Formats an age, less precisely as it grows: "7 s", "3 m 05 s", "2 h 04 m", "3 d 02 h". */
export function formatAge(ageMs: number): string {
  const seconds = Math.floor(ageMs / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${twoDigits(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${twoDigits(minutes % 60)} m`;
  return `${Math.floor(hours / 24)} d ${twoDigits(hours % 24)} h`;
}

function twoDigits(count: number): string {
  return String(count).padStart(2, "0");
}
