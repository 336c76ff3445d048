"""A store that clients cannot fill."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.lru import BoundedLru, Interner


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), max_size=60))
def test_neither_number_nor_weight_passes_its_bound(puts: list[tuple[int, int]]) -> None:
    """For any order of stores, heavy single entries and growing ones."""
    kept: BoundedLru[int, int] = BoundedLru(size=4, weight=60, weigh=lambda _, value: value)
    for key, value in puts:
        kept.put(key, value)
        assert len(kept) <= 4
        held = [found for each in range(10) if (found := kept.get(each)) is not None]
        assert kept.total == sum(held) <= 60


def test_a_value_that_is_too_heavy_drops_no_other() -> None:
    """Nor does one that has grown; that one goes."""
    kept: BoundedLru[str, list[int]] = BoundedLru(size=9, weight=10, weigh=lambda _, value: sum(value))
    kept.put("a", [5])
    growing = [4]
    kept.put("b", growing)
    kept.put("c", [11])
    growing.append(7)
    kept.put("b", growing)
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == ([5], None, None)
    assert (len(kept), kept.total) == (1, 5)


def test_who_was_not_asked_for_longest_goes_first() -> None:
    """Reading makes a value the last to go."""
    kept: BoundedLru[str, int] = BoundedLru(size=2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert kept.get("b") is None
    assert (kept.get("a"), kept.get("c")) == (1, 3)


def _list(*numbers: int) -> tuple[int, ...]:
    return tuple(numbers)


def test_equal_values_are_replaced_with_the_first() -> None:
    """By equality, not by identity."""
    interner: Interner[tuple[int, ...]] = Interner(2)
    first, equal = _list(1, 2), _list(1, 2)
    assert first is not equal
    assert interner.intern(first) is first
    assert interner.intern(equal) is first


def test_only_the_last_values_are_remembered() -> None:
    """Its memory is bounded."""
    interner: Interner[tuple[int, ...]] = Interner(2)
    first = interner.intern(_list(1))
    for number in (2, 3):
        interner.intern(_list(number))
    again = _list(1)
    assert again is not first
    assert interner.intern(again) is again
