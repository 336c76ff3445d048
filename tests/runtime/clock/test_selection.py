"""Selection of the clock that ages are judged by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rates.source import Source
from runtime.clock.selection import AGREEMENT_S, PROMPT_LAG_S, SOURCE_AHEAD_S, Basis, select_clock

BINANCE, OKX, KRAKEN, COINGECKO = Source.BINANCE, Source.OKX, Source.KRAKEN, Source.COINGECKO
# Offsets are relative to the true time: a right clock reads 0.
PROMPT = {BINANCE: -0.1, OKX: -0.3, COINGECKO: -70.0}
SKEWS = [-900.0, -300.0, -30.0, -4.0, 4.0, 30.0, 300.0, 900.0]


@pytest.mark.parametrize("skew_s", SKEWS)
def test_a_wrong_machine_is_outvoted_by_redis_and_the_sources(skew_s: float) -> None:
    """The time is Redis', and the skew is that of the machine."""
    found = select_clock(skew_s, 0.0, PROMPT)
    assert (found.basis, found.offset_s, found.own_skew_s, found.server_skew_s) == (
        Basis.SERVER,
        0,
        skew_s,
        0,
    )
    assert found.witnesses == (BINANCE, OKX)


@pytest.mark.parametrize("skew_s", SKEWS)
def test_a_wrong_redis_is_outvoted_by_the_machine_and_the_sources(skew_s: float) -> None:
    """The time is the machine's, and the skew is that of Redis."""
    found = select_clock(0.0, skew_s, PROMPT)
    assert (found.basis, found.offset_s, found.own_skew_s, found.server_skew_s) == (Basis.OWN, 0, 0, skew_s)


@pytest.mark.parametrize("skew_s", SKEWS)
@pytest.mark.parametrize("is_own", [True, False])
def test_one_source_tells_which_of_two_clocks_is_wrong(skew_s: float, *, is_own: bool) -> None:
    """Two of three agree."""
    own_s, server_s = (skew_s, 0.0) if is_own else (0.0, skew_s)
    assert select_clock(own_s, server_s, {BINANCE: -0.2}).offset_s == 0


@pytest.mark.parametrize("sources", [{}, {COINGECKO: -70.0}, {BINANCE: -400.0, OKX: -500.0}])
def test_without_a_witness_the_later_clock_counts(sources: dict[Source, float]) -> None:
    """A value may be called too old, never too young. A slow or dead source tells nothing."""
    for own_s, server_s in ((0.0, -300.0), (0.0, 300.0)):
        found = select_clock(own_s, server_s, sources)
        assert (found.basis, found.offset_s) == (Basis.LATER, max(own_s, server_s))
        assert not found.is_certain


def test_clocks_that_agree_are_not_moved_by_late_sources() -> None:
    """Values of all sources may be late in truth. It is told that they are."""
    found = select_clock(0.0, 0.2, {BINANCE: -300.0, OKX: -300.2})
    assert (found.basis, found.offset_s) == (Basis.SERVER, 0.2)
    assert found.late_s == pytest.approx(300.2)


def test_two_sources_refute_clocks_that_agree() -> None:
    """No source has seen the future: the whole machine is behind, with Redis on it."""
    found = select_clock(-300.0, -300.0, PROMPT)
    assert (found.basis, found.offset_s) == (Basis.SOURCES, -0.1)
    assert found.own_skew_s == found.server_skew_s == pytest.approx(-299.9)


def test_one_source_from_the_future_refutes_nothing() -> None:
    """Its own clock is wrong, and named."""
    found = select_clock(0.0, 0.1, {**PROMPT, KRAKEN: 3600.0})
    assert (found.basis, found.offset_s) == (Basis.SERVER, 0.1)
    assert found.ahead == {KRAKEN: pytest.approx(3599.9)}


def test_sources_from_the_future_refute_nothing_that_as_many_confirm() -> None:
    """Two of five have a wrong clock."""
    sources = {**PROMPT, Source.BYBIT: 30.0, KRAKEN: 60.0}
    assert select_clock(0.0, 0.1, sources).offset_s == 0.1
    assert select_clock(0.0, 0.1, {BINANCE: -0.1, Source.BYBIT: 30.0, KRAKEN: 60.0}).basis is Basis.SOURCES


def test_a_source_far_ahead_of_the_next_is_not_followed() -> None:
    """The next one, which refutes the clocks as well, is."""
    found = select_clock(-300.0, -300.0, {**PROMPT, KRAKEN: 7200.0})
    assert found.offset_s == -0.1
    assert KRAKEN in found.ahead


def test_without_redis_the_machine_counts() -> None:
    """The embedded system has no Redis."""
    assert select_clock(3.0, None, PROMPT).basis is Basis.OWN
    assert select_clock(-300.0, None, PROMPT).basis is Basis.SOURCES


@given(
    own_s=st.floats(-2000, 2000),
    server_s=st.floats(-2000, 2000),
    sources=st.dictionaries(st.sampled_from(sorted(Source)), st.floats(-2000, 0), min_size=0),
)
def test_no_witness_makes_a_value_younger_than_all_clocks_and_sources_say(
    own_s: float, server_s: float, sources: dict[Source, float]
) -> None:
    """An earlier time than the later clock's needs a source that confirms it."""
    found = select_clock(own_s, server_s, sources)
    assert found.offset_s >= min(own_s, server_s) - AGREEMENT_S
    ahead = [source for source, at in sources.items() if at - found.offset_s > SOURCE_AHEAD_S]
    assert len(ahead) <= max(1, len(found.witnesses))
    if found.is_certain and found.offset_s < max(own_s, server_s) - AGREEMENT_S - PROMPT_LAG_S:
        prompt = [at for source, at in sources.items() if source is not COINGECKO]
        assert any(abs(found.offset_s - at) <= PROMPT_LAG_S for at in prompt) or found.basis is Basis.SOURCES
