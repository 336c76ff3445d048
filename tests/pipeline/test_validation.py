"""Tickers that ingest rejects and counts, and those that it accepts."""

from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest import Ingest
from pipeline.validation import EARLIEST_OBSERVATION, HIGHEST_PRICE, Rejection, find_rejection
from rates.clock import EPOCH
from rates.ticker import Ticker
from tests.pipeline.fakes import START, FakeClock, FakeSink, health, ticker

SKEW = timedelta(seconds=10)
MICROSECOND = timedelta(microseconds=1)


def refusal(candidate: Ticker) -> Rejection | None:
    return find_rejection(candidate, now=START, max_skew=SKEW)


@pytest.mark.parametrize("price", ["0", "0.00000000", "-1", "-0.1"])
def test_a_price_of_zero_or_less_is_rejected(price: str) -> None:
    """Exchanges send zero for dead pairs."""
    assert refusal(ticker(price=price)) is Rejection.PRICE_NOT_POSITIVE


@pytest.mark.parametrize("price", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+400", "1E-400"])
def test_a_price_that_cannot_be_printed_is_rejected(price: str) -> None:
    """Not finite, or with hundreds of digits."""
    assert refusal(ticker(price=price)) is Rejection.NOT_FINITE


NOT_NEGATIVE = [
    "bid",
    "ask",
    "bid_size",
    "ask_size",
    "open_24h",
    "high_24h",
    "low_24h",
    "volume_24h",
    "quote_volume_24h",
]


@pytest.mark.parametrize("field", [*NOT_NEGATIVE, "change_percent_24h"])
def test_any_number_that_is_not_finite_is_rejected(field: str) -> None:
    """One such field would make the ticker unreadable for the gateway."""
    assert refusal(msgspec.structs.replace(ticker(), **{field: Decimal("NaN")})) is Rejection.NOT_FINITE


@pytest.mark.parametrize("field", NOT_NEGATIVE)
def test_negative_sizes_are_rejected(field: str) -> None:
    """Zero is valid: an empty side of the book, a day without trades. A change may be negative."""
    assert refusal(msgspec.structs.replace(ticker(), **{field: Decimal("-0.01")})) is Rejection.NEGATIVE
    assert refusal(msgspec.structs.replace(ticker(), **{field: Decimal(0)})) is None
    assert refusal(msgspec.structs.replace(ticker(), change_percent_24h=Decimal(-5))) is None


@pytest.mark.parametrize("price", ["0.00000001", "3.97e-06", "123456789.12345678", str(HIGHEST_PRICE)])
def test_prices_of_every_plausible_size_are_accepted(price: str) -> None:
    """From the smallest coin to the highest quote."""
    assert refusal(ticker(price=price)) is None


def test_an_absurd_price_is_rejected() -> None:
    """Nothing was ever quoted that high."""
    assert refusal(ticker(price=str(HIGHEST_PRICE + 1))) is Rejection.PRICE_ABSURD


def test_clock_skew_is_tolerated_up_to_the_limit() -> None:
    """Exactly the limit is accepted, a microsecond more is not."""
    assert refusal(ticker(observed_at=START + SKEW)) is None
    assert refusal(ticker(observed_at=START + SKEW + MICROSECOND)) is Rejection.FROM_THE_FUTURE


def test_a_time_before_all_markets_is_rejected() -> None:
    """Unix time zero means "never". Old values are accepted and show their age."""
    assert refusal(ticker(observed_at=EPOCH)) is Rejection.BEFORE_ALL_MARKETS
    assert refusal(ticker(observed_at=EARLIEST_OBSERVATION)) is None


@pytest.mark.parametrize("field", ["quoted_at", "last_trade_at"])
def test_the_times_of_quotes_and_trade_are_held_to_the_same_limits(field: str) -> None:
    """A time of any kind that cannot be makes the whole ticker doubtful."""

    def judge(at: datetime) -> Rejection | None:
        return refusal(msgspec.structs.replace(ticker(), **{field: at}))

    assert judge(START + SKEW) is None
    assert judge(START + SKEW + MICROSECOND) is Rejection.FROM_THE_FUTURE
    assert judge(EARLIEST_OBSERVATION) is None
    assert judge(EPOCH) is Rejection.BEFORE_ALL_MARKETS


NUMBERS = st.sampled_from([None, *map(Decimal, ("0", "1.5", "-0.01", "NaN", "1E-60", "1E+16"))])


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys((*NOT_NEGATIVE, "change_percent_24h"), NUMBERS)),
    st.sampled_from(["1", "0", "-1", "NaN", "1E+400", "1E+16"]),
    st.sampled_from([timedelta(), SKEW, SKEW + MICROSECOND, EPOCH - START]),
)
def test_a_ticker_is_judged_alike_whether_its_numbers_are_known_or_not(
    numbers: dict[str, Decimal | None], price: str, offset: timedelta
) -> None:
    """Numbers that a valid ticker had need no second look. Others do, in each of its fields."""
    valid = ticker()
    candidate = msgspec.structs.replace(valid, price=Decimal(price), quoted_at=START + offset, **numbers)
    found = find_rejection(candidate, now=START, max_skew=SKEW, valid=valid)
    assert found == refusal(candidate)


async def test_rejections_are_counted_and_the_rest_is_stored() -> None:
    """One bad ticker does not affect others, and source health has the count."""
    sink, seen = FakeSink(), health()
    ingest = Ingest(sink, seen, max_skew=SKEW, clock=FakeClock())
    stored = await ingest.write(
        [ticker(price="0"), ticker(price="2"), ticker(price="NaN"), ticker(price="-1")]
    )
    assert stored == 1
    assert [one.price for one in sink.tickers] == [Decimal(2)]
    assert seen.rejections == {Rejection.PRICE_NOT_POSITIVE: 2, Rejection.NOT_FINITE: 1}
    assert seen.report(START).refused == 3


async def test_a_mass_refusal_from_the_future_suspects_the_clock() -> None:
    """Until one ticker is accepted. Single rejections among accepted tickers are no reason."""
    seen = health()
    seen.record_success()
    ingest = Ingest(FakeSink(), seen, max_skew=SKEW, clock=FakeClock())
    future = ticker(observed_at=START + timedelta(seconds=30))
    await ingest.write([future, ticker()] * 236)
    assert seen.report(START).reason is None
    await ingest.write([future] * 236)
    assert seen.report(START).reason == (
        "all of the last 236 are from 30 s in the future: is this machine's clock right?"
    )
    await ingest.write([ticker()])
    assert seen.report(START).reason is None


async def test_a_mass_refusal_of_any_kind_is_a_reason() -> None:
    """The last one stands for all."""
    seen = health()
    seen.record_success()
    ingest = Ingest(FakeSink(), seen, max_skew=SKEW, clock=FakeClock())
    await ingest.write([ticker(observed_at=START + timedelta(seconds=30)), *[ticker(price="0")] * 9])
    assert seen.report(START).reason == (
        "all of the last 10 were refused, the last one: a price of zero or less"
    )
