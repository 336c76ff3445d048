// The closes of a day as a line of text height. Where a price is not known the line has a gap.

const WIDTH = 96;
const HEIGHT = 24;
/** Room for half the width of the line. */
const MARGIN = 1.5;
export const SPARK_BOX = `0 0 ${WIDTH} ${HEIGHT}`;

/** A path through the known closes, from the lowest at the foot to the highest at the head. Floats are enough for pixels. */
export function pathOf(closes: readonly (string | null)[]): string {
  const values = closes.map((close) => (close === null ? null : Number(close)));
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return "";
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const step = WIDTH / (closes.length - 1);
  const y = (value: number) => (high === low ? HEIGHT / 2 : MARGIN + ((high - value) / (high - low)) * (HEIGHT - 2 * MARGIN));
  let path = "";
  let isDrawing = false;
  for (const [index, value] of values.entries()) {
    if (value !== null) path += `${isDrawing ? "L" : "M"}${round(index * step)} ${round(y(value))}`;
    isDrawing = value !== null;
  }
  return path;
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}
