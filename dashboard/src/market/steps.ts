// The row that a navigation key leads to; null for other keys.

/** `at` is -1 while no row is active; `page` is the number of visible rows. */
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
