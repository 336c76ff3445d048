"""Several prices become one, and the excluded ones have their reasons."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.queries.consensus.arithmetic import EXACT, shares
from gateway.queries.consensus.query import ConsensusMethod, ConsensusQuery
from gateway.queries.consensus.rate import ConsensusQuality, ConsensusRate
from gateway.queries.consensus.weighing import SourceRate, weigh
from gateway.queries.freshness import Freshness
from gateway.queries.rate import UnavailableRate, UnavailableReason
from rates.source import Source
from tests.gateway.fakes import MAX_DISTANCE, NOON
from tests.gateway.queries.consensus.source_rates import BTC_USDT, Opinion, consensus, exclusions

MEDIAN, VWAP = ConsensusMethod.MEDIAN, ConsensusMethod.VWAP
methods = st.sampled_from(ConsensusMethod)
prices = st.decimals("0.00000001", "1e12", places=8)
volumes = st.decimals("0.001", "1e9", places=3)
opinions = st.builds(lambda price, volume: Opinion(str(price), volume=str(volume)), prices, volumes)


def test_the_median_of_an_odd_number_is_the_middle_price_to_the_digit() -> None:
    """With the zeros that its source published."""
    answer = consensus("100.30", "100.10", "100.200")
    assert str(answer.price) == "100.200"
    assert answer.quality is ConsensusQuality.AGREED


def test_the_median_of_an_even_number_is_the_exact_mean_of_the_two_in_the_middle() -> None:
    """Prices of 50 digits lose none."""
    low, high = "1" + "0" * 48 + "." + "0" * 49 + "1", "1" + "0" * 48 + "." + "0" * 49 + "2"
    assert consensus(low, high).price == Decimal("1" + "0" * 48 + "." + "0" * 49 + "15")


def test_a_vwap_weighs_by_what_was_traded() -> None:
    """Three units at 100, one at 104; told in four digits more than the finest price."""
    answer = consensus(Opinion("100", volume="3"), Opinion("104.0", volume="1"), method=VWAP)
    assert str(answer.price) == "101.00000"
    assert [str(each.weight) for each in answer.contributions] == ["0.750000", "0.250000"]


@pytest.mark.parametrize("volume", [None, "0"])
def test_a_vwap_leaves_out_who_names_no_volume(volume: str | None) -> None:
    """A weight of nothing cannot be told from a weight unknown."""
    answer = consensus(Opinion("100"), Opinion("101"), Opinion("102", volume=volume), method=VWAP)
    assert exclusions(answer) == [None, None, "NO_VOLUME"]
    assert "no volume of BTC/USDT in BTC" in (answer.contributions[2].message or "")
    assert exclusions(consensus(Opinion("100"), Opinion("100", volume=volume))) == [None, None]


def test_divergence_is_the_largest_distance_from_the_consensus() -> None:
    """Exactly `maxDeviationBps` still agrees; the smallest bit more does not."""
    answer = consensus("99.5", "100", "100.4")
    assert answer.divergence_bps == 50
    assert answer.quality is ConsensusQuality.AGREED
    assert [each.deviation_bps for each in answer.contributions] == [-50, 0, 40]
    beyond = consensus("99.4999999999999999999999", "100", "100.4")
    assert beyond.quality is ConsensusQuality.DIVERGED
    assert (
        consensus("99.5", "100", max_deviation_bps=Decimal(0), min_sources=2).quality
        is ConsensusQuality.DIVERGED
    )


def test_a_stale_source_is_left_out_and_shown_with_its_age() -> None:
    """Exactly its time to live is fresh; `maxAgeMs` overrules it both ways."""
    ages = [Opinion("100", age_s=10), Opinion("101"), Opinion("90", age_s=10.001)]
    answer = consensus(*ages)
    assert exclusions(answer) == [None, None, "STALE"]
    late = answer.contributions[2]
    assert late.message == "BTC/USDT from S2 is 10001 ms old: expected at most 10000 ms"
    assert late.rate is not None
    assert late.rate.age_ms == 10_001
    assert late.deviation_bps is not None
    assert exclusions(consensus(*ages, max_age=timedelta(seconds=5))) == ["STALE", "TOO_FEW_SOURCES", "STALE"]
    patient = consensus(*ages, max_age=timedelta(seconds=11), max_deviation_bps=Decimal(9_999))
    assert exclusions(patient) == [None, None, None]
    assert patient.freshness is Freshness.STALE


def test_a_source_never_seen_is_among_the_contributions() -> None:
    """Nothing is left out in silence."""
    answer = consensus("100", "100", None)
    assert exclusions(answer) == [None, None, "NOT_YET_SEEN"]
    assert answer.contributions[2].message == "no rate of BTC/USDT has arrived yet from S2"


@pytest.mark.parametrize(
    ("reason", "exclusion"),
    [
        (UnavailableReason.UNKNOWN_SYMBOL, "NOT_TRACKED"),
        (UnavailableReason.NOT_TRADING, "NOT_TRADING"),
    ],
)
def test_a_source_that_is_not_asked_at_all_says_why(reason: UnavailableReason, exclusion: str) -> None:
    """In the words of the answer to `rates`."""
    gone = UnavailableRate(BTC_USDT, None, reason, "words")
    answer = weigh(
        ConsensusQuery(BTC_USDT), {Source.BINANCE: SourceRate(None, gone)}, NOON, max_distance=MAX_DISTANCE
    )
    assert exclusions(answer) == [exclusion]
    assert answer.contributions[0].message == "words"


def test_fewer_sources_than_asked_for_make_no_price() -> None:
    """Not even where one of them is there; the price it says is shown with its reason."""
    answer = consensus("100", Opinion("100", age_s=11))
    assert (answer.price, answer.quality) == (None, ConsensusQuality.INSUFFICIENT)
    assert exclusions(answer) == ["TOO_FEW_SOURCES", "STALE"]
    assert answer.contributions[0].message == "1 source is usable: expected at least 2"
    assert (answer.oldest, answer.freshness, answer.divergence_bps) == (None, None, None)


def test_a_single_source_is_a_consensus_only_where_that_was_asked_for() -> None:
    """And never passes for agreement; no source at all is not enough for anyone."""
    answer = consensus("100", None, min_sources=1)
    assert (answer.price, answer.quality) == (Decimal(100), ConsensusQuality.SINGLE_SOURCE)
    assert consensus(None, min_sources=1).quality is ConsensusQuality.INSUFFICIENT


def test_of_four_sources_one_far_away_is_rejected() -> None:
    """And the price is that of the others."""
    answer = consensus("100", "100.01", "100.02", "103")
    assert exclusions(answer) == [None, None, None, "OUTLIER"]
    assert answer.price == Decimal("100.01")
    # The median of all four is 100.015: 103 lies 298.455 bps from it, 50 bps are tolerated.
    message = "298.46 bps from the median of 4 sources: expected at most 50.00 bps"
    assert answer.contributions[3].message == message


def test_of_three_sources_none_is_rejected() -> None:
    """Nobody can tell which one is wrong: it is DIVERGED instead."""
    answer = consensus("100", "100", "103")
    assert exclusions(answer) == [None, None, None]
    assert answer.quality is ConsensusQuality.DIVERGED


def test_stale_sources_do_not_make_four() -> None:
    """Only what is fresh bears witness."""
    answer = consensus("100", "100", "103", Opinion("100", age_s=11))
    assert exclusions(answer) == [None, None, None, "STALE"]


def test_where_half_say_one_price_and_half_another_nobody_is_rejected() -> None:
    """Two camps are a divergence, not outliers."""
    answer = consensus("100", "100", "110", "110")
    assert exclusions(answer) == [None] * 4
    assert (answer.price, answer.quality) == (Decimal(105), ConsensusQuality.DIVERGED)


def test_sources_that_agree_to_the_digit_do_not_make_one_tick_an_outlier() -> None:
    """Their median absolute deviation is 0: nothing within 10 bps is rejected."""
    asked = {"max_deviation_bps": Decimal(0)}
    assert exclusions(consensus("100", "100", "100", "100.1", **asked)) == [None] * 4
    assert exclusions(consensus("100", "100", "100", "100.11", **asked))[3] == "OUTLIER"


def test_what_the_client_tolerates_is_no_outlier() -> None:
    """`maxDeviationBps` beyond the floor takes its place."""
    four = ["100", "100", "100", "101"]
    assert exclusions(consensus(*four, max_deviation_bps=Decimal(100))) == [None] * 4
    assert exclusions(consensus(*four, max_deviation_bps=Decimal(99)))[3] == "OUTLIER"


def test_rejecting_may_leave_too_few() -> None:
    """`minSources` counts those in the price."""
    answer = consensus("100", "100", "100", "200", min_sources=4)
    assert exclusions(answer) == ["TOO_FEW_SOURCES"] * 3 + ["OUTLIER"]


def test_an_absurd_price_is_rejected_in_words_of_finite_length() -> None:
    """However many digits it has."""
    answer = consensus("1e-50", "1e-50", "1e-50", "9" * 50)
    assert exclusions(answer)[3] == "OUTLIER"


@pytest.mark.slow
@given(st.lists(opinions, min_size=1, max_size=9), methods, st.randoms())
def test_the_order_of_the_sources_does_not_matter(
    said: list[Opinion], method: ConsensusMethod, lot: object
) -> None:
    """Neither for the price nor for what becomes of each."""
    shuffled = sorted(said, key=lambda _: lot.random())  # type: ignore[attr-defined]  # random.Random
    one, other = (consensus(*each, method=method, min_sources=1) for each in (said, shuffled))
    assert (one.price, one.quality, one.divergence_bps) == (other.price, other.quality, other.divergence_bps)
    assert sorted(map(str, exclusions(one))) == sorted(map(str, exclusions(other)))


@given(st.lists(opinions, min_size=1, max_size=9), methods)
def test_it_lies_between_the_lowest_and_the_highest_included(
    said: list[Opinion], method: ConsensusMethod
) -> None:
    """And at least half of the sources are included."""
    answer = consensus(*said, method=method, min_sources=1)
    included = [rate.ticker.price for rate in answer.included]
    assert answer.price is not None
    assert min(included) <= answer.price <= max(included)
    assert len(included) * 2 >= len(said)
    assert sum(each.weight for each in answer.contributions) == 1


@given(opinions, st.integers(1, 9), methods)
def test_sources_that_say_the_same_agree_on_it(said: Opinion, count: int, method: ConsensusMethod) -> None:
    """However many they are; the consensus of the consensus is the consensus."""
    answer = consensus(*[said] * count, method=method, min_sources=1)
    assert answer.price == Decimal(said.price)
    assert answer.divergence_bps == 0
    assert exclusions(answer) == [None] * count


@pytest.mark.slow
@given(st.lists(opinions, min_size=1, max_size=9), methods, st.integers(-12, 12))
def test_another_unit_of_money_moves_the_price_and_nothing_else(
    said: list[Opinion], method: ConsensusMethod, power: int
) -> None:
    """Prices times a power of ten make the consensus times the same."""
    scaled = [Opinion(str(Decimal(each.price).scaleb(power)), volume=each.volume) for each in said]
    one, other = (consensus(*each, method=method, min_sources=1) for each in (said, scaled))
    assert one.price is not None
    assert other.price is not None
    expected = EXACT.scaleb(one.price, power)
    # A VWAP is rounded to the digits of its prices, of which another unit has more or fewer.
    rounding = _last_digit(expected) + _last_digit(other.price) if method is VWAP else Decimal(0)
    assert abs(EXACT.subtract(expected, other.price)) <= rounding
    assert exclusions(one) == exclusions(other)


@given(st.lists(st.integers(-20, 20), min_size=3, max_size=9), st.integers(2, 1_000_000))
def test_one_far_from_three_and_more_that_agree_is_always_rejected(near: list[int], factor: int) -> None:
    """For any outlier, upwards or downwards; the others stay."""
    prices = [str(Decimal(1_000) + Decimal(each) / 100) for each in near]
    for far in (Decimal(1_000) * factor, Decimal(1_000) / factor):
        answer = consensus(*prices, str(far))
        assert exclusions(answer) == [None] * len(near) + ["OUTLIER"]
        assert answer.quality is ConsensusQuality.AGREED


@given(st.lists(prices, min_size=1, max_size=3))
def test_three_and_fewer_are_never_rejected(said: list[Decimal]) -> None:
    """For any prices."""
    assert set(exclusions(consensus(*map(str, said), min_sources=1))) == {None}


@given(st.lists(volumes, min_size=1, max_size=12))
def test_shares_sum_to_one_and_are_off_by_less_than_a_millionth(amounts: list[Decimal]) -> None:
    """For any weights."""
    parts = shares(amounts)
    assert sum(parts) == 1
    for amount, part in zip(amounts, parts, strict=True):
        assert abs(amount / sum(amounts) - part) < Decimal("0.000001")


@given(st.lists(opinions, min_size=2, max_size=6), st.lists(st.floats(0, 200), min_size=6, max_size=6))
def test_before_its_next_turn_an_answer_does_not_change_by_itself(
    said: list[Opinion], ages: list[float]
) -> None:
    """At the turn it does: that is what readers are woken for."""
    aged = [each._replace(age_s=round(age, 3)) for each, age in zip(said, ages, strict=False)]
    answer = consensus(*aged)
    turn = answer.next_change_at
    assume(turn is not None)
    assert turn is not None
    assert _at(answer, turn - timedelta(microseconds=1)).said == answer.said
    assert _at(answer, turn).said != answer.said


def _at(answer: ConsensusRate, moment: object) -> ConsensusRate:
    """The same observations, weighed at another moment."""
    source_rates = {
        each.source: SourceRate(
            each.rate and type(each.rate)(each.rate.ticker, each.rate.ttl, moment),  # type: ignore[arg-type]  # a datetime
            is_confirmed=True,
        )
        for each in answer.contributions
    }
    return weigh(answer.query, source_rates, moment, max_distance=MAX_DISTANCE)  # type: ignore[arg-type]  # a datetime


def _last_digit(value: Decimal) -> Decimal:
    """One unit of it."""
    return Decimal((0, (1,), value.as_tuple().exponent))  # type: ignore[arg-type]  # finite


def test_a_trade_that_the_quotes_have_left_behind_counts_as_the_mid() -> None:
    """WEN/USD on Kraken traded ten hours ago below its own bid; its quotes are of now."""
    kraken = Opinion("0.0000044", bid="0.000004631", ask="0.0000059", traded_s=36_000)
    answer = consensus(kraken, Opinion("0.0000052"))
    assert answer.contributions[0].price == Decimal("0.0000052655")
    assert answer.price == Decimal("0.00000523275")


def test_the_answer_changes_when_a_trade_grows_older_than_the_time_to_live() -> None:
    """Time alone moves the price from the last trade to the mid: the answer says when."""
    opinion = Opinion("100", bid="99", ask="102", traded_s=4)
    answer = consensus(opinion, Opinion("100"))
    assert answer.price == 100
    turn = answer.next_change_at
    assert turn == NOON + timedelta(seconds=6, microseconds=1)


def test_a_last_trade_older_than_asked_or_unknown_leaves_its_source_out() -> None:
    """`maxTradeAgeMs` is for those who want trading, not quoting."""
    asked = {"max_trade_age": timedelta(seconds=5)}
    answer = consensus(
        Opinion("100", traded_s=5), Opinion("100", traded_s=5.001), Opinion("100"), min_sources=1, **asked
    )
    assert exclusions(answer) == [None, "STALE", "STALE"]
    assert "last trade" in str(answer.contributions[1].message)
    assert "does not publish when" in str(answer.contributions[2].message)


def test_two_sources_that_differ_by_a_factor_make_no_price() -> None:
    """NEIRO is two coins: 0.0002666 at Binance and 0.02965 at Bybit."""
    answer = consensus("0.0002666", "0.02965", is_confirmed=False)
    assert answer.price is None
    assert answer.quality is ConsensusQuality.INSUFFICIENT
    assert exclusions(answer) == ["SUSPECT_IDENTITY", "SUSPECT_IDENTITY"]
    assert "times as much" in str(answer.contributions[0].message)


def test_one_far_from_a_majority_is_left_out_alone() -> None:
    """Three agree, so that the fourth is of another asset."""
    answer = consensus("100", "101", "3", "100", is_confirmed=False)
    assert exclusions(answer) == [None, None, "SUSPECT_IDENTITY", None]
    assert answer.price == 100


def test_prices_up_to_a_fifth_apart_are_of_one_asset() -> None:
    """Exactly 20 % of the lower price is within the distance."""
    assert exclusions(consensus("100", "120", is_confirmed=False)) == [None, None]
    assert exclusions(consensus("100", "120.01", is_confirmed=False)) == ["SUSPECT_IDENTITY"] * 2
