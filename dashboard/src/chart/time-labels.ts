// Times of the chart as text: in the zone that the viewer chose, but days and longer candles in UTC, in which they begin.
import { clockText, writeTime as write } from "../browser/times";

export { clockText, secondText } from "../browser/times";

type Options = Intl.DateTimeFormatOptions;

const DAY: Options = { day: "numeric", month: "short" };
const zoneOf = (isDaily: boolean): Options => (isDaily ? { timeZone: "UTC" } : {});

/** "29 Nov", "Nov 2026", "2026". */
export function dateText(timeMs: number, isDaily: boolean, unit: "day" | "month" | "year" = "day"): string {
  const options: Options = unit === "day" ? DAY : unit === "month" ? { month: "short", year: "numeric" } : { year: "numeric" };
  return write(timeMs, { ...options, ...zoneOf(isDaily) });
}

/** "Sun 29 Nov 14:05"; for a day "Sun, 29 Nov 2026". */
export function momentText(timeMs: number, isDaily: boolean): string {
  if (isDaily) return write(timeMs, { weekday: "short", ...DAY, year: "numeric", timeZone: "UTC" });
  return `${write(timeMs, { weekday: "short", ...DAY })} ${clockText(timeMs)}`.replace(",", "");
}
