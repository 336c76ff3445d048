// Whether the viewer is on a row of a table, which must not move away.

/** Whether something in `rows` has the focus, or the pointer rests on them. A finger rests nowhere, though browsers say so. */
export function isOnRows(rows: HTMLElement | null): boolean {
  return rows !== null && (rows.matches(":focus-within") || (window.matchMedia("(hover: hover)").matches && rows.matches(":hover")));
}
