import { afterEach, expect, test } from "vitest";
import { clockText, dateTimeText, fullTimeText, millisecondText, nextZone, pastTimeText, secondText, zone } from "../src/browser/times";

const MIDNIGHT_MS = Date.parse("2026-11-29T00:05:00.007Z");

afterEach(() => zone.set("local", "local"));

test("five past midnight is 00:05, never 24:05", () => {
  nextZone();
  expect(zone.value).toBe("UTC");
  expect([clockText(MIDNIGHT_MS), secondText(MIDNIGHT_MS), millisecondText(MIDNIGHT_MS)]).toEqual(["00:05", "00:05:00", "00:05:00.007"]);
});

test("a time that may be days ago has its day and its zone", () => {
  nextZone();
  expect(dateTimeText(MIDNIGHT_MS)).toBe("29 Nov, 00:05 UTC");
  expect(fullTimeText(MIDNIGHT_MS)).toBe("29 Nov, 00:05:00.007 UTC");
});

test("a past time has its day where that is another one", () => {
  nextZone();
  expect(pastTimeText(MIDNIGHT_MS, MIDNIGHT_MS + 3_600_000)).toBe("00:05:00");
  expect(pastTimeText(MIDNIGHT_MS, MIDNIGHT_MS + 24 * 3_600_000)).toBe("29 Nov, 00:05:00");
});

test("times are in the zone that the viewer chose", () => {
  const local = new Date(MIDNIGHT_MS);
  expect(clockText(MIDNIGHT_MS)).toBe([local.getHours(), local.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":"));
});
