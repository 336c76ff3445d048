"""The corrected clock of a process, with fake clocks of machine, Redis and sources."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from rates.errors import CacheUnavailable
from rates.source import Source
from runtime.clock.process_clock import ProcessClock, ServerTime
from runtime.clock.steady_clock import SteadyClock
from tests.pipeline.fakes import until

TRUE_START = datetime(2026, 1, 1, 12, tzinfo=UTC)
BINANCE, OKX = Source.BINANCE, Source.OKX
SECOND = timedelta(seconds=1)


class World:
    """The true time, and the clocks of a machine and of Redis beside it."""

    def __init__(self, *, own_s: float = 0.0, redis_s: float = 0.0) -> None:
        self.elapsed = 100.0
        self.paused_s = 0.0
        self.own_s, self.redis_s = own_s, redis_s
        self.away = False
        self.delay_s = 0.0
        self.shared: dict[Source, float] = {}

    def true(self) -> datetime:
        return TRUE_START + timedelta(seconds=self.elapsed + self.paused_s)

    def pause(self, seconds: float) -> None:
        """Let the true time pass while the machine and all its clocks stand still."""
        self.paused_s += seconds
        self.own_s -= seconds

    def read_elapsed(self) -> float:
        return self.elapsed

    def wall(self) -> float:
        return self.true().timestamp() + self.own_s

    async def read_time(self, share: Mapping[Source, float] | None = None) -> ServerTime:
        if self.away:
            raise CacheUnavailable("Redis: away")
        self.shared |= share or {}
        self.elapsed += self.delay_s / 2
        now_s = self.true().timestamp() + self.redis_s
        self.elapsed += self.delay_s / 2
        return ServerTime(now_s, dict(self.shared))

    def clock(self, *, with_redis: bool = True) -> ProcessClock:
        return ProcessClock(self if with_redis else None, elapsed=self.read_elapsed, wall=self.wall)

    def publish(self, clock: ProcessClock, *sources: Source) -> None:
        """Let events of now arrive."""
        for source in sources:
            clock.event_times.record(source, self.true())


def error_of(clock: ProcessClock, world: World) -> float:
    return (clock.corrected() - world.true()).total_seconds()


@pytest.mark.parametrize("own_s", [-900.0, -300.0, -30.0, 30.0, 300.0, 900.0])
async def test_a_wrong_machine_has_the_right_time(own_s: float) -> None:
    """Corrected within the accuracy of the measurement, named, and fit up to ten minutes."""
    world = World(own_s=own_s)
    clock = world.clock()
    world.publish(clock, BINANCE, OKX)
    await clock.measure()
    assert error_of(clock, world) == pytest.approx(0, abs=0.01)
    assert clock.state.skew.total_seconds() == own_s
    assert clock.state.is_fit is (abs(own_s) <= 600)
    side = "ahead of" if own_s > 0 else "behind"
    assert f"this machine's clock is {abs(own_s):.0f} s {side} Redis'" in (clock.state.problem or "")
    assert ("RATEWIRE_MAX_CLOCK_SKEW_S" in (clock.state.problem or "")) is (abs(own_s) > 600)


@pytest.mark.parametrize("redis_s", [-900.0, -30.0, 30.0, 900.0])
async def test_a_wrong_redis_corrupts_no_age(redis_s: float) -> None:
    """The process is fit, Redis is named, and deadlines follow Redis all the same."""
    world = World(redis_s=redis_s)
    clock = world.clock()
    world.publish(clock, BINANCE)
    await clock.measure()
    assert error_of(clock, world) == pytest.approx(0, abs=0.01)
    assert (clock.server() - world.true()).total_seconds() == pytest.approx(redis_s, abs=0.01)
    assert clock.state.is_fit
    assert (clock.state.problem or "").startswith(f"Redis' clock is {abs(redis_s):.0f} s")


async def test_witnesses_of_other_processes_count() -> None:
    """A process that sees no source learns from those that do."""
    world = World(redis_s=-300.0)
    stream, producer = world.clock(), world.clock()
    world.publish(stream, BINANCE)
    await stream.measure()
    await stream.measure()
    assert world.shared[BINANCE] == pytest.approx(300, abs=0.01)
    await producer.measure()
    assert error_of(producer, world) == pytest.approx(0, abs=0.01)


async def test_without_witnesses_nothing_looks_younger() -> None:
    """Redis and the machine disagree and no source tells: the later one counts, and it is said."""
    for world in (World(own_s=-300.0), World(redis_s=-300.0), World(own_s=300.0)):
        clock = world.clock()
        await clock.measure()
        assert error_of(clock, world) >= -0.01
        assert "no source tells which is right" in (clock.state.problem or "")
        assert clock.state.is_fit
    world = World(own_s=-900.0)
    clock = world.clock()
    await clock.measure()
    assert not clock.state.is_fit


async def test_the_round_trip_is_taken_into_account() -> None:
    """Half of it has passed since Redis read its clock. A worse measurement moves nothing."""
    world = World(own_s=-300.0)
    clock = world.clock()
    world.publish(clock, BINANCE)
    world.delay_s = 0.4
    await clock.measure()
    assert error_of(clock, world) == pytest.approx(0, abs=0.01)
    before = clock.corrected.offset_s
    world.redis_s = 0.1
    await clock.measure()
    assert clock.corrected.offset_s == before


async def test_a_step_of_the_machine_moves_no_age() -> None:
    """Neither before it is measured nor after. The step is noticed."""
    world = World()
    clock = world.clock()
    world.publish(clock, BINANCE)
    await clock.measure()
    for own_s in (-300.0, 300.0, 0.0):
        world.own_s = own_s
        world.elapsed += 1
        assert error_of(clock, world) == pytest.approx(0, abs=0.01)
        assert clock._has_stepped()
        await clock.measure()
        assert error_of(clock, world) == pytest.approx(0, abs=0.01)
    assert clock.steps == 3
    assert clock.state.problem is None


async def test_a_step_of_redis_moves_no_age_even_with_what_was_shared_before() -> None:
    """Entries that others measured against the clock before the step are not believed."""
    world = World()
    clock, reader = world.clock(), world.clock()
    world.publish(clock, BINANCE, OKX)
    for each in (clock, clock, reader):
        await each.measure()
    world.redis_s = -30.0
    await reader.measure()
    assert error_of(reader, world) >= -0.01


@pytest.mark.parametrize("redis_s", [-300.0, -30.0])
async def test_a_wrong_machine_does_not_follow_a_step_of_redis_back(redis_s: float) -> None:
    """Both are wrong now, and perhaps agree. The time before stays until a source denies it."""
    world = World(own_s=-300.0)
    clock = world.clock()
    world.publish(clock, BINANCE)
    await clock.measure()
    world.redis_s = redis_s
    for _ in range(3):
        await clock.measure()
        assert error_of(clock, world) == pytest.approx(0, abs=0.01)
        assert "this machine's clock is" in (clock.state.problem or "")
    world.redis_s = 0.0
    await clock.measure()
    assert error_of(clock, world) == pytest.approx(0, abs=0.01)


async def test_a_time_that_was_too_late_is_left_once_a_source_confirms_another() -> None:
    """Without a source, the machine ahead counted."""
    world = World(own_s=300.0)
    clock = world.clock()
    await clock.measure()
    world.own_s = 0.0
    await clock.measure()
    assert error_of(clock, world) == pytest.approx(300, abs=0.01)
    world.publish(clock, BINANCE)
    await clock.measure()
    assert error_of(clock, world) == pytest.approx(0, abs=0.01)


async def test_an_outage_of_redis_keeps_the_last_measurement() -> None:
    """The monotonic clock goes on from it."""
    world = World(own_s=-300.0)
    clock = world.clock()
    world.publish(clock, BINANCE)
    await clock.measure()
    world.away = True
    world.elapsed += 3600
    await clock.measure()
    assert error_of(clock, world) == pytest.approx(0, abs=0.01)


async def test_without_redis_the_machine_is_believed_until_two_sources_refute_it() -> None:
    """The embedded system on a machine whose clock is behind."""
    world = World(own_s=-300.0)
    clock = world.clock(with_redis=False)
    world.publish(clock, BINANCE)
    await clock.measure()
    assert error_of(clock, world) == -300
    world.publish(clock, OKX)
    await clock.measure()
    assert error_of(clock, world) == pytest.approx(0, abs=0.01)
    assert clock.server() == clock.corrected()


@pytest.mark.parametrize("step_s", [-300.0, 300.0])
async def test_without_redis_a_step_is_judged_by_the_clock_before_it(step_s: float) -> None:
    """One source suffices to tell the wrong clock; without any the later one counts."""
    world = World()
    clock = world.clock(with_redis=False)
    await clock.measure()
    world.own_s = step_s
    await clock.measure()
    assert error_of(clock, world) == pytest.approx(max(step_s, 0), abs=0.01)
    assert "itself before it stepped, and no source tells" in (clock.state.problem or "")
    world.publish(clock, BINANCE)
    await clock.measure()
    assert error_of(clock, world) == pytest.approx(0, abs=0.01)
    assert "this machine's clock is 300 s" in (clock.state.problem or "")
    assert clock.state.server_skew is None


async def test_without_redis_a_step_that_mends_the_clock_is_followed() -> None:
    """The time service has set it right, as a source confirms."""
    world = World(own_s=-300.0)
    clock = world.clock(with_redis=False)
    await clock.measure()
    world.own_s = 0.0
    world.publish(clock, BINANCE)
    await clock.measure()
    assert error_of(clock, world) == pytest.approx(0, abs=0.01)
    assert clock.state.problem is None


async def test_what_has_arrived_is_looked_at_by_its_changes() -> None:
    """A value that was there at the start says nothing of the present."""
    world = World(redis_s=-300.0)
    clock = world.clock()
    latest = {BINANCE: world.true() - timedelta(minutes=5)}
    clock._record_latest(latest)
    assert clock.event_times.offsets() == {}
    world.elapsed += 1
    clock._record_latest({BINANCE: world.true()})
    assert set(clock.event_times.offsets()) == {BINANCE}


async def test_it_measures_at_once_and_again_after_a_step() -> None:
    """A step is not waited out until the next regular measurement."""
    world = World()
    clock = ProcessClock(world, elapsed=world.read_elapsed, wall=world.wall)
    running = asyncio.create_task(clock.run())
    try:
        async with asyncio.timeout(20):
            await until(lambda: clock.state.selection)
            world.own_s = -300.0
            await until(lambda: clock.state.skew.total_seconds() == -300)
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert clock.steps == 1


def test_a_small_correction_never_goes_backwards() -> None:
    """The clock stands still instead; after a large one ages are right at once."""
    world = World()
    clock = SteadyClock(elapsed=world.read_elapsed, wall=world.wall)
    first = clock()
    clock.adjust(clock.offset_s - 0.5)
    assert clock() == first
    world.elapsed += 0.7
    assert clock() == first + timedelta(seconds=0.2)
    clock.adjust(clock.offset_s - 300)
    assert clock() == first + timedelta(seconds=0.2 - 300)


def test_a_source_that_corrects_its_clock_is_believed_soon() -> None:
    """Earlier events count for 20 s at most beside later ones, and for as long as it is silent."""
    world = World()
    clock = world.clock()
    clock.event_times.record(BINANCE, world.true() + 500 * SECOND)
    wrong = clock.event_times.offsets()[BINANCE]
    world.elapsed += 3600
    assert clock.event_times.offsets()[BINANCE] == wrong
    for _ in range(21):
        world.publish(clock, BINANCE)
        world.elapsed += 1
    assert clock.event_times.offsets()[BINANCE] == pytest.approx(wrong - 500)


async def test_a_paused_machine_believes_no_event_of_before() -> None:
    """All its clocks stood still: what arrived before the pause would confirm them."""
    world = World()
    clock = world.clock()
    world.publish(clock, BINANCE, OKX)
    await clock.measure()
    world.pause(300)
    await clock.measure()
    assert error_of(clock, world) >= -0.01
    world.publish(clock, BINANCE, OKX)
    await clock.measure()
    assert error_of(clock, world) == pytest.approx(0, abs=0.01)
