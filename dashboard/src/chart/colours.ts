// Colours of lines by the index of the source, the same in chart and tables, and the colours of a canvas.

/** The number of line colours in tokens.css; a seventh source would get the first colour again. */
const COLOURS = 6;

export function lineColour(index: number): string {
  return `var(--line-${(index % COLOURS) + 1})`;
}

/** Returns a function that resolves a colour for a canvas, which supports neither variables nor `light-dark()`. */
export function colourResolver(place: HTMLElement): (colour: string) => string {
  return (colour) => {
    const probe = document.createElement("span");
    // Forced colours would replace it, although the style sheet has chosen among them.
    probe.style.setProperty("forced-color-adjust", "none");
    probe.style.color = colour;
    place.append(probe);
    const resolved = getComputedStyle(probe).color;
    probe.remove();
    return resolved;
  };
}
