// Writing text that is drawn many times a second.

/** Writes only a text that differs: the same one written again would still cost the browser a layout. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
