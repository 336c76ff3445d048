// Marks what scrolls sideways while its last columns are out of view: a figure that the edge cuts would read as another one.
import { type RefObject, useLayoutEffect } from "react";

const CUT = "data-cut";

/** Sets the attribute of the parent of what scrolls; the style sheet fades its edge. */
export function useCutEdge(scroller: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const place = element.parentElement ?? element;
    const follow = () => {
      place.toggleAttribute(CUT, element.scrollWidth - element.clientWidth - element.scrollLeft > 1);
      // The bars of the scroller are no part of what fades.
      place.style.setProperty("--bar-beside", `${element.offsetWidth - element.clientWidth}px`);
      place.style.setProperty("--bar-below", `${element.offsetHeight - element.clientHeight}px`);
    };
    const observer = new ResizeObserver(follow);
    observer.observe(element);
    // A table inside grows with its figures.
    if (element.firstElementChild !== null) observer.observe(element.firstElementChild);
    element.addEventListener("scroll", follow, { passive: true });
    follow();
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", follow);
    };
  }, [scroller]);
}
