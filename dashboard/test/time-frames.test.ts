import { expect, test } from "vitest";
import { TIME_FRAMES } from "../src/browser/chart-address";
import { candlesIn, firstFrame, intervalFor } from "../src/chart/time-frames";

test("a desk has fine candles, a phone coarse ones", () => {
  expect(TIME_FRAMES.map((frame) => intervalFor(frame, 1140))).toEqual(["M1", "M1", "M5", "M30", "H4", "D1"]);
  expect(TIME_FRAMES.map((frame) => intervalFor(frame, 300))).toEqual(["M1", "M5", "M15", "H4", "H12", "W1"]);
});

test("there are never more candles than pixels, and always enough to show something", () => {
  for (const frame of TIME_FRAMES)
    for (let width = 120; width <= 4_000; width += 20) {
      const count = candlesIn(frame, intervalFor(frame, width));
      expect(count).toBeLessThanOrEqual(Math.max(40, width / 3) + 1);
      expect(count).toBeGreaterThanOrEqual(10);
    }
});

test("a young history is first shown in a short frame", () => {
  const hour = 3_600_000;
  const frames = [0.1, 1, 3, 9, 60].map((age) => firstFrame(0, age * hour));
  expect(frames).toEqual(["1h", "1h", "4h", "1d", "1d"]);
  expect(firstFrame(null, 0)).toBe("1h");
});
