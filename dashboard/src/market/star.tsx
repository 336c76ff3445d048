// The mark of an instrument that is in the list that is open, or among the favourites.
import { useAddress } from "../browser/address";
import { useRemembered } from "../browser/remembered";
import { favourites } from "./favourites";
import { FAVOURITES, symbolsOf, toggleInList, watchlists } from "./watchlists";

export function Star({ symbol }: { symbol: string }) {
  const list = useAddress().list ?? FAVOURITES;
  useRemembered(favourites);
  useRemembered(watchlists);
  const isOne = symbolsOf(list).has(symbol);
  return (
    <button
      type="button"
      className="star"
      tabIndex={-1}
      aria-pressed={isOne}
      aria-label={list === FAVOURITES ? `Favourite ${symbol}` : `${symbol} in ${list}`}
      onClick={() => toggleInList(list, symbol)}
    >
      {isOne ? "★" : "☆"}
    </button>
  );
}
