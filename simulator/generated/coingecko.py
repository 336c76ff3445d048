"""CoinGecko's view of the generated market: a slower average with a premium."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from random import Random

from simulator.assets import read_currencies
from simulator.coingecko.numbers import format_json_number, round_as_published
from simulator.generated.price_walk import PriceWalk
from simulator.markets import Coin
from simulator.nanotime import SECOND

MAX_UPDATE_DELAY = (
    1 / 3
)  # fraction of a refresh interval that a coin's last update lies before the refresh, at most
DOUBLE = Context(prec=17)  # CoinGecko's JSON numbers are doubles and have no more digits
LARGEST_PREMIUM = 5  # in ten-thousandths; a world average differs from one exchange's price
OTHER_VENUES = 12  # world volume as a multiple of one exchange's
EIGHT_PLACES = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class CoinAverage:
    """One coin's averages at one refresh, in USD."""

    price: Decimal
    market_cap: Decimal
    volume: Decimal
    change: Decimal
    updated_at: int


class GeneratedCoinGecko:
    """CoinGecko's data, constant until the next `refresh`."""

    def __init__(self, walks: Sequence[PriceWalk], seed: int, refresh_seconds: float) -> None:
        self._walks = walks
        self._refresh_seconds = refresh_seconds
        self._random = Random(f"{seed}/coingecko")  # noqa: S311 - prices for a simulation, not secrets
        self._premium = {walk.asset.symbol: self._draw_premium() for walk in walks}
        self._tether = next(walk for walk in walks if walk.asset.symbol == "USDT")
        self._quotes: dict[str, CoinAverage] = {}
        self._usd_value: dict[str, Decimal] = {}
        self._coins = {
            walk.asset.coingecko_id: Coin(walk.asset.coingecko_id, walk.asset.symbol.lower(), walk.asset.name)
            for walk in walks
        }

    def refresh(self, at_ns: int) -> None:
        """Compute new averages."""
        self._quotes = {walk.asset.coingecko_id: self._take(walk, at_ns) for walk in self._walks}
        by_symbol = {
            walk.asset.symbol.lower(): self._quotes[walk.asset.coingecko_id].price for walk in self._walks
        }
        by_symbol["bits"] = by_symbol["btc"] / 1_000_000
        by_symbol["sats"] = by_symbol["btc"] / 100_000_000
        self._usd_value = {
            code: by_symbol[code] if value is None else value for code, value in read_currencies().items()
        }

    def coins(self) -> Mapping[str, Coin]:
        """All assets as coins."""
        return self._coins

    def has_price(self, coin_id: str) -> bool:
        """Whether the coin exists."""
        return coin_id in self._quotes

    def quote(self, coin_id: str, currency: str, *, full: bool = False) -> Mapping[str, str]:
        """The coin's numbers in one currency; empty for an unsupported currency."""
        quote, usd = self._quotes.get(coin_id), self._usd_value.get(currency)
        if quote is None or usd is None:
            return {}
        price = quote.price / usd
        return {
            currency: format_json_number(DOUBLE.plus(price) if full else round_as_published(price)),
            f"{currency}_market_cap": format_json_number((quote.market_cap / usd).quantize(EIGHT_PLACES)),
            f"{currency}_24h_vol": format_json_number((quote.volume / usd).quantize(EIGHT_PLACES)),
            f"{currency}_24h_change": format_json_number(quote.change),
            "last_updated_at": str(quote.updated_at),
        }

    def currencies(self) -> Collection[str]:
        """All of CoinGecko's quote currencies."""
        return read_currencies().keys()

    def max_age_seconds(self) -> tuple[int, int]:
        """Half a refresh interval for clients and a whole one for the CDN.

        That is 30 and 60 s with the documented minute.
        """
        return int(self._refresh_seconds / 2), int(self._refresh_seconds)

    def _draw_premium(self) -> Decimal:
        return 1 + Decimal(self._random.randint(-LARGEST_PREMIUM, LARGEST_PREMIUM)) / 10_000

    def _take(self, walk: PriceWalk, at_ns: int) -> CoinAverage:
        stats, asset = walk.stats(), walk.asset
        rate = Decimal(1) if asset is self._tether.asset else self._tether.average()
        price = walk.average() * self._premium[asset.symbol] * rate
        age = self._random.randrange(max(1, int(self._refresh_seconds * MAX_UPDATE_DELAY)))
        volume = stats.quote * asset.tick_size * walk.step_size * OTHER_VENUES
        return CoinAverage(
            price=price,
            market_cap=price * asset.supply,
            volume=volume,
            change=(Decimal(walk.last - stats.open) * 100 / stats.open).quantize(EIGHT_PLACES),
            updated_at=at_ns // SECOND - age,
        )
