// Colours of the chart's lines by the index of the source, the same in chart and tables.

/** The number of line colours in tokens.css; a seventh source would get the first colour again. */
const COLOURS = 6;

export function lineColour(index: number): string {
  return `var(--line-${(index % COLOURS) + 1})`;
}

/** Resolves a colour for a canvas, which supports neither variables nor `light-dark()`. */
export function resolveColour(colour: string, place: HTMLElement): string {
  const probe = document.createElement("span");
  probe.style.color = colour;
  place.append(probe);
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}
