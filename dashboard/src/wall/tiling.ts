// How tiles fill a screen.

/** The number of columns for so many tiles: as many as rows, or one more where that leaves fewer places empty. */
export function columnsFor(tiles: number): number {
  const square = Math.max(1, Math.ceil(Math.sqrt(tiles)));
  const empty = (columns: number) => Math.ceil(tiles / columns) * columns - tiles;
  return empty(square + 1) < empty(square) ? square + 1 : square;
}
