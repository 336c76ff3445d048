"""CoinGecko's data as far as the replayed answers tell it; nothing is converted or rounded."""

from collections.abc import Collection, Mapping

from simulator.assets import read_currencies
from simulator.markets import Coin
from simulator.replay.coingecko_prices import prices_in
from simulator.replay.recording_file import RecordedAnswer
from simulator.replay.timeline import Timeline

_UPDATED = "last_updated_at"
_MICROSECONDS = 1_000_000


class RecordedCoinGecko:
    """The state after the answers applied so far; `last_updated_at` is shifted when read."""

    def __init__(self, coins: Mapping[str, Coin]) -> None:
        self._coins = coins
        self._known: dict[str, dict[str, str]] = {}
        self.timeline: Timeline | None = None

    def coins(self) -> Mapping[str, Coin]:
        """All coins with a price in the recording."""
        return self._coins

    def has_price(self, coin_id: str) -> bool:
        """Whether a replayed answer contained the coin."""
        return coin_id in self._known

    def quote(self, coin_id: str, currency: str, *, full: bool = False) -> Mapping[str, str]:
        """The known numbers in one currency, as recorded, with or without `full`."""
        del full
        known = self._known.get(coin_id, {})
        keys = (currency, f"{currency}_market_cap", f"{currency}_24h_vol", f"{currency}_24h_change")
        found = {key: known[key] for key in keys if key in known}
        if _UPDATED in known:
            found[_UPDATED] = self._moved(known[_UPDATED])
        return found

    def currencies(self) -> Collection[str]:
        """All of CoinGecko's quote currencies."""
        return read_currencies().keys()

    def max_age_seconds(self) -> tuple[int, int]:
        """No caching: the next recorded answer may be due at any time."""
        return 0, 0

    def apply(self, answer: RecordedAnswer) -> None:
        """Apply an answer: it replaces the keys it contains and keeps the others."""
        for coin_id, pairs in (prices_in(answer) or {}).items():
            known = self._known.setdefault(coin_id, {})
            if pairs and _UPDATED not in pairs:
                known.pop(_UPDATED, None)  # the time belongs to the older price
            known.update(pairs)

    def _moved(self, seconds: str) -> str:
        if self.timeline is None or not seconds.isdigit():
            return seconds
        return str(self.timeline.moved_us(int(seconds) * _MICROSECONDS) // _MICROSECONDS)
