"""CoinGecko's spelling: an id per coin and a currency per price. Pure.

`BTC/USD` is coin `bitcoin` in currency `usd`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from pipeline.task import MAX_INSTRUMENTS_PER_TASK, RequestedInstrument

# All instruments go into one task. Only the length of the URL splits it into several calls.
SHARD_SIZE = MAX_INSTRUMENTS_PER_TASK
# Bytes of path and query. Servers and proxies accept a request line of 8 KB; CoinGecko's own tutorial requests 515 ids at once,
# which is about 6 KB.
MAX_TARGET_BYTES = 7_500
OPTIONS = "include_24hr_change=true&include_last_updated_at=true&precision=full"


class PriceRequest(NamedTuple):
    """One call of `/simple/price`, and the instruments that it covers."""

    target: str
    instruments: tuple[RequestedInstrument, ...]


def price_requests(
    instruments: Sequence[RequestedInstrument], *, max_bytes: int = MAX_TARGET_BYTES
) -> Iterator[PriceRequest]:
    """Yield as few calls as possible for all instruments. Equal requests have equal URLs."""
    currencies = sorted({one.symbol.quote.lower() for one in instruments})
    head = f"/simple/price?vs_currencies={_join(currencies)}&{OPTIONS}&ids="
    by_id: dict[str, list[RequestedInstrument]] = {}
    for one in instruments:
        by_id.setdefault(quote(one.source_symbol, safe=""), []).append(one)
    part: dict[str, list[RequestedInstrument]] = {}
    size = len(head)
    for coin in sorted(by_id):
        if part and size + len(coin) > max_bytes:
            yield _request(head, part)
            part, size = {}, len(head)
        part[coin] = by_id[coin]
        size += len(coin) + 1
    if part:
        yield _request(head, part)


def _request(head: str, part: Mapping[str, Iterable[RequestedInstrument]]) -> PriceRequest:
    # No space after a comma: with it, CoinGecko knows only the first id.
    return PriceRequest(head + ",".join(part), tuple(one for ones in part.values() for one in ones))


def _join(names: Iterable[str]) -> str:
    return ",".join(quote(name, safe="") for name in names)
