"""Channels of the push feeds by role, for faults that concern one channel only."""

from collections.abc import Mapping, Sequence

from simulator.bybit.channels import BYBIT
from simulator.coinbase.channels import COINBASE
from simulator.kraken.channels import KRAKEN
from simulator.okx.channels import OKX
from simulator.sources import BINANCE

_ROLES_BY_PREFIX = {
    channel.prefix: channel.role for profile in (COINBASE, KRAKEN, OKX, BYBIT) for channel in profile.channels
}
_BINANCE_ROLES = {"bookTicker": "book", "trade": "trades", "aggTrade": "trades"}
_ROLES: Mapping[str, Sequence[str]] = {
    BINANCE: ("ticker", "book", "trades"),
    **{
        profile.source: tuple(dict.fromkeys(channel.role for channel in profile.channels))
        for profile in (COINBASE, KRAKEN, OKX, BYBIT)
    },
}


def channel_roles(source: str) -> Sequence[str]:
    """The roles of a source's channels."""
    return _ROLES.get(source, ())


def channel_role(stream: str) -> str:
    """The role of a stream's channel; Binance's stream names have no prefix."""
    found = next((role for prefix, role in _ROLES_BY_PREFIX.items() if stream.startswith(prefix)), None)
    return found or _BINANCE_ROLES.get(stream.partition("@")[2], "ticker")
