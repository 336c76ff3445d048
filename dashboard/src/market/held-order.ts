// While the viewer is on a row of the market table, the rows keep their places.
import { isOnRows } from "../browser/on-rows";

/** The grid itself has the focus of the keys; a click gives it too, and then the pointer decides. */
export function isOrderHeld(): boolean {
  const grid = document.getElementById("market");
  if (grid === null) return false;
  return grid.matches(":focus-visible") || isOnRows(grid.querySelector<HTMLElement>(".rows"));
}
