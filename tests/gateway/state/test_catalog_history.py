"""The changes of the catalog since a version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.state import catalog_history
from gateway.state.catalog_history import CatalogHistory
from rates.source import Source
from rates.symbol import Symbol
from rates.ticker import TickerKey

KEYS = [TickerKey(Source.BINANCE, Symbol(f"A{number}", "USDT")) for number in range(5)]
states = st.dictionaries(st.sampled_from(KEYS), st.booleans())


def record(history: CatalogHistory, state: dict[TickerKey, bool]) -> frozenset[TickerKey]:
    return history.record(
        [key for key, trades in state.items() if trades],
        [key for key, trades in state.items() if not trades],
    )


@pytest.mark.slow
@given(st.lists(states, max_size=30))
def test_the_changes_since_any_version_are_those_of_the_oracle(sequence: list[dict[TickerKey, bool]]) -> None:
    """The union of all changes after that version was last current; a version may come back."""
    history = CatalogHistory()
    oracle: list[tuple[str, frozenset[TickerKey]]] = []
    for state in sequence:
        before = history.version
        if changed := record(history, state):
            oracle.append((before, changed))
        for version in {each for each, _ in oracle} - {history.version}:
            last = max(number for number, each in enumerate(oracle) if each[0] == version)
            expected = frozenset().union(*(keys for _, keys in oracle[last:]))
            assert history.changed_since(version) == expected
        assert history.changed_since(history.version) == frozenset()
        assert history.changed_since("never") is None


def test_the_history_is_bounded_and_forgets_the_oldest_versions() -> None:
    """With their instruments; what has changed since a version that is kept stays complete."""
    history = CatalogHistory()
    versions = []
    length = catalog_history.HISTORY_LENGTH
    for number in range(length + 10):
        versions.append(history.version)
        record(history, {TickerKey(Source.BINANCE, Symbol(f"B{number}", "USDT")): True})
    assert history.changed_since(versions[9]) is None
    since = history.changed_since(versions[10])
    assert since is not None
    # The one that left and the one that came, of each change.
    assert len(since) == length + 1
    assert len(history._changed_at) == length + 1
    assert len(history._made_at) == length
