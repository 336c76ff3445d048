// Times of day and dates as text, in UTC or in the viewer's own time zone, as the viewer chose.
import { Remembered } from "./remembered";

export const ZONES = ["local", "UTC"] as const;
export type Zone = (typeof ZONES)[number];

export const zone = new Remembered<Zone>("zone", (stored) => ZONES.find((each) => each === stored) ?? "local");

export function nextZone(): void {
  const next = zone.value === "UTC" ? "local" : "UTC";
  zone.set(next, next);
}

type Options = Intl.DateTimeFormatOptions;

// "h23", because "hour12: false" writes midnight as 24:00. All languages get 24 hours: columns of times stay narrow, and are those of exchanges.
const CLOCK: Options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

const DAY: Options = { day: "numeric", month: "short" };

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Writes a time in the chosen zone, unless `options` name another. */
export function writeTime(timeMs: number, options: Options): string {
  const inZone: Options = zone.value === "UTC" ? { timeZone: "UTC", ...options } : options;
  const key = JSON.stringify(inZone);
  let formatter = formatters.get(key);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat(languageOfTimes(), inZone);
    formatters.set(key, formatter);
  }
  return formatter.format(timeMs);
}

/** American dates would read "11/29" beside British ones; the name of the month is unambiguous in both. */
function languageOfTimes(): string {
  const language = typeof navigator === "undefined" ? "en" : navigator.language;
  return language.startsWith("en") ? "en-GB" : language;
}

/** "14:05". */
export function clockText(timeMs: number): string {
  return writeTime(timeMs, CLOCK);
}

/** "14:05:09". */
export function secondText(timeMs: number): string {
  return writeTime(timeMs, { ...CLOCK, second: "2-digit" });
}

/** "14:05:09"; of another day than that of `nowMs` "29 Nov, 14:05:09": a page may be open for days. */
export function pastTimeText(timeMs: number, nowMs: number = Date.now()): string {
  const [day, today] = [timeMs, nowMs].map((each) => writeTime(each, DAY));
  return day === today ? secondText(timeMs) : writeTime(timeMs, { ...DAY, ...CLOCK, second: "2-digit" });
}

/** "14:05:09.123". */
export function millisecondText(timeMs: number): string {
  return writeTime(timeMs, { ...CLOCK, second: "2-digit", fractionalSecondDigits: 3 });
}

/** "29 Nov, 14:05:09.123 UTC": the exact time of a figure, for its title. */
export function fullTimeText(timeMs: number): string {
  return writeTime(timeMs, { ...DAY, ...CLOCK, second: "2-digit", fractionalSecondDigits: 3, timeZoneName: "short" });
}

/** "29 Nov, 14:05 UTC": for a time that may be days ago. */
export function dateTimeText(timeMs: number): string {
  return writeTime(timeMs, { ...DAY, ...CLOCK, timeZoneName: "short" });
}
