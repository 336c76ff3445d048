"""Parameters of /simple/price, parsed as CoinGecko parses them [exchanges.md 2.2]. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from simulator.coingecko.errors import plain

LARGEST_PRECISION = 18
MOST_SYMBOLS_WITH_ALL = 50
_SELECTORS: tuple[Literal["ids", "names", "symbols"], ...] = ("ids", "names", "symbols")


@dataclass(frozen=True, slots=True)
class PriceQuery:
    """A parsed query. `precision` None means CoinGecko's rounding, -1 means `full`."""

    selector: Literal["ids", "names", "symbols"]
    wanted: tuple[str, ...]
    currencies: tuple[str, ...]
    all_tokens: bool
    market_cap: bool
    volume: bool
    change: bool
    last_updated_at: bool
    precision: int | None

    def keys(self, currency: str) -> tuple[str, ...]:
        """The requested keys in one currency, in CoinGecko's order."""
        options = (
            (True, currency),
            (self.market_cap, f"{currency}_market_cap"),
            (self.volume, f"{currency}_24h_vol"),
            (self.change, f"{currency}_24h_change"),
        )
        return tuple(key for wanted, key in options if wanted)


def parse_price_query(query: Mapping[str, str]) -> PriceQuery:
    """Parse the query.

    Raises:
        CoinGeckoError: 422 for a missing parameter, 400 for an invalid one.
    """
    # If several are given, ids take precedence over names, names over symbols.
    selector = next((name for name in _SELECTORS if query.get(name)), None)
    if selector is None:
        raise plain(422, "Missing parameter ids")
    if not query.get("vs_currencies"):
        raise plain(422, "Missing parameter vs_currencies")
    # Nothing is trimmed: the id after "bitcoin, " is unknown, as recorded in 2021.
    wanted = tuple(query[selector].split(","))
    return PriceQuery(
        selector=selector,
        wanted=wanted,
        currencies=tuple(query["vs_currencies"].lower().split(",")),
        all_tokens=_all_tokens(query, selector, wanted),
        market_cap=_flag(query, "include_market_cap"),
        volume=_flag(query, "include_24hr_vol"),
        change=_flag(query, "include_24hr_change"),
        last_updated_at=_flag(query, "include_last_updated_at"),
        precision=_precision(query.get("precision")),
    )


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() == "true"


def _all_tokens(query: Mapping[str, str], selector: str, wanted: tuple[str, ...]) -> bool:
    choice = query.get("include_tokens") or "top"
    if choice not in ("top", "all"):
        raise plain(400, "Invalid value for parameter include_tokens")
    if selector != "symbols" or choice == "top":
        return False
    if len(wanted) > MOST_SYMBOLS_WITH_ALL:
        raise plain(400, f"Maximum {MOST_SYMBOLS_WITH_ALL} symbols with include_tokens=all")
    return True


def _precision(text: str | None) -> int | None:
    if not text:
        return None
    if text == "full":
        return -1
    if text.isascii() and text.isdigit() and int(text) <= LARGEST_PRECISION:
        return int(text)
    raise plain(400, "Invalid value for parameter precision")
