"""CoinGecko's spellings: an id per coin and a currency per price. `BTC/USD` is coin `bitcoin` in currency `usd`. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from pipeline.task import MAX_INSTRUMENTS_PER_TASK, RequestedInstrument

# One task for all: only the length of the URL makes several calls of it.
SHARD_SIZE = MAX_INSTRUMENTS_PER_TASK
# Bytes of path and query. Servers and proxies on the way take 8 KB of request line; CoinGecko's own tutorial asks for 515 ids at
# once, which are about 6 KB.
MAX_TARGET_BYTES = 7_500
OPTIONS = "include_24hr_change=true&include_last_updated_at=true&precision=full"


class PriceRequest(NamedTuple):
    """One call of `/simple/price`, and what is to be found in its answer."""

    target: str
    wanted: tuple[RequestedInstrument, ...]


def price_requests(
    wanted: Sequence[RequestedInstrument], *, max_bytes: int = MAX_TARGET_BYTES
) -> Iterator[PriceRequest]:
    """As few calls as ask for all of them; sorted, so that the same question has the same URL."""
    currencies = sorted({one.symbol.quote.lower() for one in wanted})
    head = f"/simple/price?vs_currencies={_join(currencies)}&{OPTIONS}&ids="
    by_id: dict[str, list[RequestedInstrument]] = {}
    for one in wanted:
        by_id.setdefault(quote(one.source_symbol, safe=""), []).append(one)
    part: dict[str, list[RequestedInstrument]] = {}
    size = len(head)
    for coin in sorted(by_id):
        if part and size + len(coin) > max_bytes:
            yield _question(head, part)
            part, size = {}, len(head)
        part[coin] = by_id[coin]
        size += len(coin) + 1
    if part:
        yield _question(head, part)


def _question(head: str, part: Mapping[str, Iterable[RequestedInstrument]]) -> PriceRequest:
    # No space after a comma: with one, every id but the first is unknown.
    return PriceRequest(head + ",".join(part), tuple(one for ones in part.values() for one in ones))


def _join(names: Iterable[str]) -> str:
    return ",".join(quote(name, safe="") for name in names)
