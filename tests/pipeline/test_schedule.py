"""Ticks on the wall clock, and the split of instruments into tasks."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.schedule import make_tasks
from pipeline.tick import tick_number, tick_time
from tests.pipeline.fakes import START, instrument

INTERVAL = timedelta(seconds=4)


def test_a_tick_lasts_from_its_own_time_to_that_of_the_next() -> None:
    """The boundary belongs to the later tick, so that all producers agree."""
    number = tick_number(START, INTERVAL)
    assert tick_time(number, INTERVAL) == START
    assert tick_number(START + INTERVAL - timedelta(microseconds=1), INTERVAL) == number
    assert tick_number(START + INTERVAL, INTERVAL) == number + 1


@given(count=st.integers(0, 120), size=st.integers(1, 50))
def test_every_instrument_is_in_exactly_one_task(count: int, size: int) -> None:
    """No task is too large, and their sizes differ by one at most."""
    instruments = [instrument(f"A{number}/USDT") for number in range(count)]
    tasks = make_tasks(instruments, size=size, issued_at=START, deadline=START + INTERVAL)
    wanted = [one.symbol for task in tasks for one in task.instruments]
    assert sorted(wanted) == sorted(one.symbol for one in instruments)
    sizes = [len(task.instruments) for task in tasks]
    assert len({task.id for task in tasks}) == len(tasks) == -(-count // size)
    assert not sizes or (max(sizes) <= size and max(sizes) - min(sizes) <= 1)
