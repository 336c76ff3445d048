// The star and the figures of one instrument, for its own page.
import { useLayoutEffect, useRef } from "react";
import { formatPrice } from "../rates/figures";
import { useRemembered } from "../browser/remembered";
import { favourites, toggleFavourite } from "./favourites";
import { type Figure, FigureElement } from "./figure";
import { useFlash } from "./flash";
import type { InstrumentRow, Quote } from "../stores/instrument-row";

export { isSuspect } from "./suspect";

/** `isReached`: focusable with the Tab key; in the table the key `f` is used instead. */
export function FavouriteCell({ row, isReached = false }: { row: InstrumentRow; isReached?: boolean }) {
  const isOne = useRemembered(favourites).has(row.symbol);
  return (
    <button
      type="button"
      className="star"
      tabIndex={isReached ? 0 : -1}
      aria-pressed={isOne}
      aria-label={`Favourite ${row.symbol}`}
      onClick={() => toggleFavourite(row.symbol)}
    >
      {isOne ? "★" : "☆"}
    </button>
  );
}

/** A price that flashes when it changes, with a colour and an arrow for the direction. */
export function Price({ quote }: { quote: Quote }) {
  const element = useFlash(quote.moves, quote.direction);
  return (
    <span ref={element} className="price" data-direction={quote.direction ?? undefined} title={quote.rate.price}>
      {formatPrice(quote.rate.price)}
    </span>
  );
}

/** A figure of the market table. */
export function FigureCell({ figure }: { figure: Figure }) {
  const place = useRef<HTMLSpanElement>(null);
  const shown = useRef<FigureElement>(null);
  useLayoutEffect(() => {
    if (shown.current === null) {
      shown.current = new FigureElement();
      place.current?.append(shown.current.element);
    }
    shown.current.show(figure);
  });
  return <span ref={place} />;
}
