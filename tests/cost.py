"""Bounds of processor time that hold on any machine.

Seconds are those of the machine that the bounds were set on.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time, thread_time

# What `_reference` took there: 2 cores of an Intel Xeon at 2.1 GHz, CPython 3.11.
REFERENCE_S = 0.02
ROUNDS = 3


def _reference() -> float:
    """The processor time of a fixed piece of work."""
    began = process_time()
    sum(len(str(number)) for number in range(300_000))
    return process_time() - began


def machine_factor() -> float:
    """Return how many times slower than the reference this machine is now.

    At least 1, so that a bound is never tightened.
    """
    return max(1.0, min(_reference() for _ in range(ROUNDS)) / REFERENCE_S)


@contextmanager
def costs_at_most(seconds: float) -> Iterator[None]:
    """Fail if the block takes more processor time than `seconds` on the reference machine."""
    began = process_time()
    yield
    used = process_time() - began
    if used >= seconds:
        allowed = seconds * machine_factor()
        assert used < allowed, f"took {used:.3f} s of the processor, expected at most {allowed:.3f} s"


class Held:
    """The processor time of a block."""

    raw_ms = 0.0

    @property
    def ms(self) -> float:
        """Milliseconds of the reference machine or less."""
        return self.raw_ms / machine_factor()


@contextmanager
def holding() -> Iterator[Held]:
    """Measure the processor time of the thread in the block.

    Without collections of garbage, which are long in a test run.
    """
    held = Held()
    was_enabled = gc.isenabled()
    gc.disable()
    began = thread_time()
    try:
        yield held
    finally:
        held.raw_ms = (thread_time() - began) * 1000
        if was_enabled:
            gc.enable()
