"""Work of many clients is spread over turns of the event loop."""

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest

from gateway.turn_budget import CALLS_AT_ONCE, TURN_S, TurnBudget
from tests.virtual_time import run_virtually


class Core:
    """A core whose CPU time passes as a test says."""

    def __init__(self) -> None:
        self.spent_s = 0.0
        self.log: list[str] = []

    def read(self) -> float:
        return self.spent_s

    def work(self, name: str, share: float) -> Callable[[], str]:
        """Work that takes this share of a turn."""

        def run() -> str:
            self.log.append(name)
            self.spent_s += share * TURN_S
            return name

        return run


async def read_turns(core: Core, budget: TurnBudget) -> list[str]:
    """Return what has run after each turn, until nothing waits."""
    turns = []
    await asyncio.sleep(0)
    while True:
        turns.append("".join(core.log))
        if not budget.waiting:
            return turns
        await asyncio.sleep(0)


def test_a_turn_does_what_fits_into_it_and_the_next_turn_goes_on() -> None:
    """In order, at least one piece a turn; a piece that exceeds the budget ends the turn."""

    async def main() -> None:
        core = Core()
        budget = TurnBudget(cpu_s=core.read)
        shares = {"a": 0.4, "b": 0.4, "c": 0.4, "d": 3, "e": 0.6, "f": 0.6, "g": 0.1}
        tasks = [asyncio.create_task(budget.run(core.work(*each))) for each in shares.items()]
        assert await read_turns(core, budget) == ["abc", "abcd", "abcdef", "abcdefg"]
        assert [await each for each in tasks] == list(shares)

    run_virtually(main())


def test_work_with_a_known_cost_shares_the_budget() -> None:
    """It is admitted in its turn, and charged with its cost."""

    async def main() -> None:
        core = Core()
        budget = TurnBudget(cpu_s=core.read)

        async def enter(name: str, share: float) -> None:
            await budget.reserve(share * TURN_S)
            core.log.append(name)

        tasks = [
            asyncio.create_task(budget.run(core.work("a", 0.5))),
            asyncio.create_task(enter("b", 0.6)),
            asyncio.create_task(enter("c", 9)),
            asyncio.create_task(budget.run(core.work("d", 0.1))),
        ]
        await asyncio.sleep(0)
        assert core.log == ["a", "b"]
        await asyncio.sleep(0)
        assert budget.waiting == 1
        await asyncio.gather(*tasks)
        assert sorted(core.log) == ["a", "b", "c", "d"]

    run_virtually(main())


def test_an_error_reaches_its_caller_and_the_others_go_on() -> None:
    """Whether the work waited or not; cancelled work is not done."""

    async def main() -> None:
        core = Core()
        budget = TurnBudget(cpu_s=core.read)

        def fail() -> str:
            core.spent_s += 2 * TURN_S
            raise ValueError("expected")

        first, second = asyncio.create_task(budget.run(fail)), asyncio.create_task(budget.run(fail))
        cancelled = asyncio.create_task(budget.run(core.work("cancelled", 1)))
        entering = asyncio.create_task(budget.reserve(1))
        last = asyncio.create_task(budget.run(core.work("last", 1)))
        await asyncio.sleep(0)
        cancelled.cancel()
        entering.cancel()
        for each in (first, second):
            with pytest.raises(ValueError, match="expected"):
                await each
        assert await last == "last"
        assert core.log == ["last"]

    run_virtually(main())


def test_clients_take_turns_by_the_time_that_their_work_takes() -> None:
    """One that wants a hundred times as much as another delays it by a piece of work."""

    async def main() -> str:
        core = Core()
        budget = TurnBudget(cpu_s=core.read)

        def enqueue(client: str, share: float) -> None:
            budget.enqueue(partial(budget.run_now, core.work(client, share)), client)

        for _ in range(100):
            enqueue("a", 0.5)
        for _ in range(3):
            enqueue("b", 0.5)
        await read_turns(core, budget)
        return "".join(core.log)

    assert run_virtually(main()).startswith("abababaaa")


def test_a_client_with_large_pieces_waits_until_others_have_had_as_much() -> None:
    """Four turns of one are paid back by four turns of the other."""

    async def main() -> str:
        core = Core()
        budget = TurnBudget(cpu_s=core.read)

        def enqueue(client: str, share: float) -> None:
            budget.enqueue(partial(budget.run_now, core.work(client, share)), client)

        for _ in range(10):
            enqueue("L", 4.0)
        for _ in range(40):
            enqueue("s", 1.0)
        await read_turns(core, budget)
        return "".join(core.log)

    order = run_virtually(main())
    large = [number for number, name in enumerate(order) if name == "L"]
    assert all(2 <= later - earlier <= 5 for earlier, later in pairwise(large[:8]))


def test_many_short_calls_are_made_in_several_turns() -> None:
    """A few at once, in order; those of another client in between."""

    async def main() -> None:
        core = Core()
        budget = TurnBudget(cpu_s=core.read)
        share = 0.6 / CALLS_AT_ONCE
        for name in "ab":
            budget.run_all([core.work(name, share)] * (3 * CALLS_AT_ONCE), client=name)
        turns = [
            turn.replace("a" * CALLS_AT_ONCE, "A").replace("b" * CALLS_AT_ONCE, "B")
            for turn in await read_turns(core, budget)
        ]
        assert turns == ["AAAB", "AAABBB"]

    run_virtually(main())
