"""The conflation buffer: newest values, the number merged, and retracted instruments."""

from gateway.subscriptions.conflation import Batch, ConflationBuffer
from rates.ticker import Ticker
from tests.gateway.fakes import build_ticker


def put(buffer: ConflationBuffer, *tickers: Ticker) -> None:
    for ticker in tickers:
        buffer.put(ticker, ticker.key)


def btc(price: str) -> Ticker:
    return build_ticker("BTC/USDT", price)


ETH = build_ticker("ETH/USDT", "7")


def test_a_batch_has_the_newest_value_of_each_instrument() -> None:
    """Values of one instrument replace each other; each replaced one is counted."""
    buffer = ConflationBuffer()
    put(buffer, btc("1"), ETH, btc("2"), btc("3"))
    assert buffer.take() == Batch((ETH, btc("3")), conflated=2)


def test_the_count_starts_again_with_each_batch() -> None:
    """An event does not repeat what the one before has reported."""
    buffer = ConflationBuffer()
    put(buffer, btc("1"), btc("2"))
    assert buffer.take().conflated == 1
    put(buffer, btc("3"))
    assert buffer.take() == Batch((btc("3"),), conflated=0)
    assert not buffer.has_pending


def test_a_copy_has_the_same_pending_and_the_same_count() -> None:
    """Both go on independently afterwards."""
    buffer, other = ConflationBuffer(), ConflationBuffer()
    put(buffer, btc("1"), btc("2"))
    buffer.retract(ETH.key)
    buffer.copy_to(other)
    put(other, btc("3"))
    assert other.take() == Batch((btc("3"),), conflated=2, retracted=(ETH.key,))
    assert buffer.take() == Batch((btc("2"),), conflated=1, retracted=(ETH.key,))


def test_a_retracted_instrument_has_no_pending_value() -> None:
    """The batch says that it is unavailable, and nothing else of it."""
    buffer = ConflationBuffer()
    put(buffer, ETH, btc("1"))
    buffer.retract(ETH.key)
    assert buffer.take() == Batch((btc("1"),), conflated=0, retracted=(ETH.key,))


def test_a_value_takes_a_retraction_back() -> None:
    """An instrument that is available again before the next event is not reported."""
    buffer = ConflationBuffer()
    buffer.retract(ETH.key)
    put(buffer, ETH)
    assert buffer.take() == Batch((ETH,), conflated=0)
