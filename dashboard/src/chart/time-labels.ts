// Times of the chart as text: in the viewer's own time, but days and longer candles in UTC, in which they begin.

type Options = Intl.DateTimeFormatOptions;

// "h23", because "hour12: false" writes midnight as 24:00.
const CLOCK: Options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const DAY: Options = { day: "numeric", month: "short" };

const formatters = new Map<string, Intl.DateTimeFormat>();

function write(timeMs: number, options: Options): string {
  const key = JSON.stringify(options);
  const formatter = formatters.get(key) ?? new Intl.DateTimeFormat("en-GB", options);
  formatters.set(key, formatter);
  return formatter.format(timeMs);
}

const zoneOf = (isDaily: boolean): Options => (isDaily ? { timeZone: "UTC" } : {});

/** "14:05". */
export function clockText(timeMs: number): string {
  return write(timeMs, CLOCK);
}

/** "14:05:09". */
export function secondText(timeMs: number): string {
  return write(timeMs, { ...CLOCK, second: "2-digit" });
}

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
