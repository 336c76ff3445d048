// Which colour a line of the chart has: by the source's place, the same in chart and tables.

/** How many colours tokens.css has for lines; the seventh source would take the first again. */
const COLOURS = 6;

export function lineColour(index: number): string {
  return `var(--line-${(index % COLOURS) + 1})`;
}

/** A colour as a canvas takes it: it knows neither variables nor `light-dark()`. */
export function resolveColour(colour: string, place: HTMLElement): string {
  const probe = document.createElement("span");
  probe.style.color = colour;
  place.append(probe);
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}
