// Where a key leads from a row; null for a key that leads nowhere.

/** `at` is -1 while no row is active; `page` is how many rows are in view. */
export function steps(key: string, at: number, count: number, page: number): number | null {
  const last = count - 1;
  if (count === 0) return null;
  const to = (index: number) => Math.min(last, Math.max(0, index));
  switch (key) {
    case "ArrowDown":
      return to(at + 1);
    case "ArrowUp":
      return to(at < 0 ? 0 : at - 1);
    case "PageDown":
      return to(at + page);
    case "PageUp":
      return to(at - page);
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return null;
  }
}
