"""Two producers side by side, observed on the queue."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import msgspec

from tests.e2e.processes import eventually, running

INTERVAL_S = 1.0
TASKS_A_TICK = 4  # 66 seeded Binance instruments, 20 a task


class Task(msgspec.Struct):
    """The part of a task that these tests read; all tasks of a tick have one deadline."""

    deadline_us: int


@asynccontextmanager
async def consuming(amqp_url: str) -> AsyncIterator[list[int]]:
    """Consume the Binance queue and collect the tick of every task."""
    ticks: list[int] = []

    async def note(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        task = msgspec.json.decode(message.body, type=Task)
        ticks.append(round(task.deadline_us / 1e6 / INTERVAL_S))
        await message.ack()

    async with await aio_pika.connect(amqp_url, timeout=60) as connection, connection.channel() as channel:
        queue = await channel.get_queue("binance_parser")
        await queue.purge()
        await queue.consume(note)
        yield ticks


async def test_two_producers_issue_every_tick_once_and_one_fills_in_when_the_other_dies(
    redis_url: str, amqp_url: str, postgres_url: str
) -> None:
    """No tick is issued twice or left out; the death of one producer costs one tick at most."""
    env = {
        "RATEWIRE_REDIS_URL": redis_url,
        "RATEWIRE_AMQP_URL": amqp_url,
        "RATEWIRE_DATABASE_URL": postgres_url,
        "RATEWIRE_PRODUCER_INTERVAL_S": str(INTERVAL_S),
    }
    async with running("migrate", env=env) as migration:
        assert await migration.ends() == 0, migration.text
    async with running("producer", env=env) as first, running("producer", env=env) as second:
        await first.prints("producing")
        await second.prints("producing")
        async with consuming(amqp_url) as ticks:

            async def seen(count: int) -> bool:
                return len(set(ticks)) >= count

            await eventually(lambda: seen(7), within_s=60, what="seven ticks")
            complete = sorted(set(ticks))[1:-1]
            assert complete == list(range(complete[0], complete[0] + len(complete)))
            counts = Counter(ticks)
            assert {counts[tick] for tick in complete} == {TASKS_A_TICK}

            await first.kill()
            died_after, wanted = max(ticks), len(set(ticks)) + 4
            await eventually(lambda: seen(wanted), within_s=60, what="ticks by the other one")
            after = sorted(tick for tick in set(ticks) if tick > died_after)
            assert after[0] <= died_after + 2
            assert after == list(range(after[0], after[0] + len(after)))
            assert max(Counter(ticks).values()) == TASKS_A_TICK


async def test_instruments_are_picked_up_without_a_restart(
    redis_url: str, amqp_url: str, postgres_url: str
) -> None:
    """`ratewire instruments add` and `remove` change the tasks of a running producer."""
    env = {
        "RATEWIRE_REDIS_URL": redis_url,
        "RATEWIRE_AMQP_URL": amqp_url,
        "RATEWIRE_DATABASE_URL": postgres_url,
        "RATEWIRE_PRODUCER_INTERVAL_S": "0.5",
        "RATEWIRE_PRODUCER_REFRESH_S": "0.2",
    }
    bodies: defaultdict[int, list[bytes]] = defaultdict(list)

    async def note(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        bodies[msgspec.json.decode(message.body, type=Task).deadline_us].append(message.body)
        await message.ack()

    async def change(*arguments: str) -> str:
        async with running("instruments", *arguments, env=env) as command:
            assert await command.ends() == 0, command.text
        return command.text

    async with running("migrate", env=env) as migration:
        assert await migration.ends() == 0, migration.text
    async with running("producer", env=env) as producer:
        await producer.prints("producing")
        async with (
            await aio_pika.connect(amqp_url, timeout=60) as connection,
            connection.channel() as channel,
        ):
            queue = await channel.get_queue("binance_parser")
            await queue.purge()
            await queue.consume(note)

            async def newest_tick() -> list[bytes]:
                """The tasks of the newest tick all of whose tasks have arrived."""
                complete = [tick for tick, tasks in bodies.items() if len(tasks) == TASKS_A_TICK]
                return bodies[max(complete)] if complete else []

            async def wanted() -> bool:
                return any(b"DOGEBTC" in body for body in await newest_tick())

            async def unwanted() -> bool:
                tasks = await newest_tick()
                return bool(tasks) and not any(b"DOGEBTC" in body for body in tasks)

            await eventually(unwanted, within_s=60, what="tasks without the instrument")
            assert "added" in await change("add", "binance", "DOGE/BTC", "DOGEBTC")
            assert "DOGE/BTC" in await change("list", "--source", "binance")
            await eventually(wanted, within_s=60, what="a task with the new instrument")
            assert "removed" in await change("remove", "binance", "DOGE/BTC")
            await eventually(unwanted, within_s=60, what="tasks without the instrument again")
