import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FLASH_MS, Flashes, type Flashing } from "../src/market/flash";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function price(): Flashing {
  return { dataset: {} };
}

test("a price that changed is lit for a moment", () => {
  const element = price();
  new Flashes().light(element, "up");
  expect(element.dataset.flash).toBe("up");
  vi.advanceTimersByTime(FLASH_MS);
  expect(element.dataset.flash).toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
});

test("changes while it is lit do not lengthen that, and the last direction is shown", () => {
  const [flashes, element] = [new Flashes(), price()];
  flashes.light(element, "up");
  vi.advanceTimersByTime(FLASH_MS / 2);
  flashes.light(element, "down");
  expect(element.dataset.flash).toBe("down");
  vi.advanceTimersByTime(FLASH_MS / 2);
  expect(element.dataset.flash).toBeUndefined();
  flashes.light(element, "up");
  expect(element.dataset.flash).toBe("up");
});

test("one timer serves all, and each is lit for its own time", () => {
  const [flashes, first, second] = [new Flashes(), price(), price()];
  flashes.light(first, "up");
  vi.advanceTimersByTime(FLASH_MS / 2);
  flashes.light(second, "down");
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(FLASH_MS / 2);
  expect([first.dataset.flash, second.dataset.flash]).toEqual([undefined, "down"]);
  vi.advanceTimersByTime(FLASH_MS / 2);
  expect(second.dataset.flash).toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
});

test("a patient flash ends with what changes at its time, and by itself somewhat later", () => {
  const [flashes, first] = [new Flashes(150), price()];
  flashes.light(first, "up");
  vi.advanceTimersByTime(FLASH_MS / 2);
  flashes.endDue();
  expect(first.dataset.flash).toBe("up");
  vi.advanceTimersByTime(FLASH_MS / 2);
  expect(first.dataset.flash).toBe("up");
  flashes.endDue();
  expect(first.dataset.flash).toBeUndefined();
  flashes.light(first, "down");
  vi.advanceTimersByTime(FLASH_MS + 150);
  expect(first.dataset.flash).toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
});
