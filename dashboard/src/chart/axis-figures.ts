// The figures of a price axis: in the digits of the table, and whole or left out. Pure.
import { formatFigure } from "../rates/significant";

/** Height of the label of a last price on the axis, in CSS pixels. */
const LABEL_PX = 20;
/** Below it a float is written with an exponent. */
const LEAST_PLAIN = 1e-6;

/** A price that is drawn, which is a float, in the digits of the table: those beyond may be the float's own. */
export function axisText(price: number, decimals: number): string {
  return formatFigure(Math.abs(price) < LEAST_PLAIN ? price.toFixed(20) : String(price), decimals);
}

/**
 * Empties the texts that a label of a last price would cover in part. `places` are the places of the texts on the axis and
 * `labels` those of the last prices. The drawing library moves labels apart, so those of a group may be anywhere beside it.
 */
export function besideLabels(texts: readonly string[], places: readonly (number | null)[], labels: readonly (number | null)[]): string[] {
  const covered: { from: number; to: number; count: number }[] = [];
  for (const place of labels.filter((each) => each !== null).sort((one, other) => one - other)) {
    const last = covered.at(-1);
    if (last !== undefined && place - last.to < LABEL_PX) {
      last.to = place;
      last.count += 1;
    } else covered.push({ from: place, to: place, count: 1 });
  }
  const isCovered = (place: number | null) =>
    place !== null && covered.some(({ from, to, count }) => place > from - reach(to - from, count) && place < to + reach(to - from, count));
  return texts.map((text, index) => (isCovered(places[index] ?? null) ? "" : text));
}

/** How far the labels of a group reach beyond its prices. */
function reach(lengthPx: number, count: number): number {
  return LABEL_PX + Math.max(0, (count - 1) * LABEL_PX - lengthPx) / 2;
}
