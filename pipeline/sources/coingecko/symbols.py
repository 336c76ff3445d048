"""CoinGecko's spellings: an id per coin and a currency per price. `BTC/USD` is coin `bitcoin` in currency `usd`."""

from collections.abc import Sequence

from pipeline.task import Wanted

# One call takes several hundred ids (its documentation: 515); the URL's length is what bounds it in practice.
SHARD_SIZE = 250

Params = tuple[tuple[str, str], ...]


def price_params(wanted: Sequence[Wanted]) -> Params:
    """The parameters that ask for all of them at once; sorted, so that the same question has the same URL."""
    ids = sorted({one.source_symbol for one in wanted})
    currencies = sorted({one.symbol.quote.lower() for one in wanted})
    return (
        ("ids", ",".join(ids)),
        ("vs_currencies", ",".join(currencies)),
        ("include_24hr_change", "true"),
        ("include_last_updated_at", "true"),
        ("precision", "full"),
    )
