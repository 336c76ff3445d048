"""Two producers side by side, seen from the queue itself."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import msgspec

from tests.e2e.processes import eventually, running

INTERVAL_S = 1.0
TASKS_A_TICK = 4  # 66 seeded Binance instruments, 20 a task


@asynccontextmanager
async def bystander(amqp_url: str) -> AsyncIterator[list[int]]:
    """The tick of every Binance task that arrives, taken out of the queue as a consumer would."""
    ticks: list[int] = []

    async def note(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        task = msgspec.json.decode(message.body)
        ticks.append(round(task["deadline_us"] / 1e6 / INTERVAL_S))
        await message.ack()

    async with await aio_pika.connect(amqp_url, timeout=5) as connection, connection.channel() as channel:
        queue = await channel.get_queue("binance_parser")
        await queue.purge()
        await queue.consume(note)
        yield ticks


async def test_two_producers_issue_every_tick_once_and_one_fills_in_when_the_other_dies(
    redis_url: str, amqp_url: str, postgres_url: str
) -> None:
    """No tick twice, none left out; the death of one costs the tick in hand at most."""
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
        async with bystander(amqp_url) as ticks:

            async def seen(count: int) -> bool:
                return len(set(ticks)) >= count

            await eventually(lambda: seen(7), within_s=15, what="seven ticks")
            complete = sorted(set(ticks))[1:-1]
            assert complete == list(range(complete[0], complete[0] + len(complete)))
            counts = Counter(ticks)
            assert {counts[tick] for tick in complete} == {TASKS_A_TICK}

            await first.kill()
            died_after, wanted = max(ticks), len(set(ticks)) + 4
            await eventually(lambda: seen(wanted), within_s=15, what="ticks by the other one")
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
    newest: set[str] = set()

    async def note(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        if b"DOGEBTC" in message.body:
            newest.add("DOGEBTC")
        else:
            newest.add("others")
        await message.ack()

    async def change(*arguments: str) -> str:
        async with running("instruments", *arguments, env=env) as command:
            assert await command.ends() == 0, command.text
        return command.text

    async with running("migrate", env=env) as migration:
        assert await migration.ends() == 0, migration.text
    async with running("producer", env=env) as producer:
        await producer.prints("producing")
        async with await aio_pika.connect(amqp_url, timeout=5) as connection, connection.channel() as channel:
            queue = await channel.get_queue("binance_parser")
            await queue.purge()
            await queue.consume(note)

            async def wanted() -> bool:
                return "DOGEBTC" in newest

            async def unwanted() -> bool:
                newest.clear()
                # A whole tick: every shard of it has come.
                await asyncio.sleep(1.0)
                return newest == {"others"}

            await eventually(unwanted, within_s=10, what="tasks without the instrument")
            assert "added" in await change("add", "binance", "DOGE/BTC", "DOGEBTC")
            assert "DOGE/BTC" in await change("list", "--source", "binance")
            await eventually(wanted, within_s=10, what="a task with the new instrument")
            assert "removed" in await change("remove", "binance", "DOGE/BTC")
            await eventually(unwanted, within_s=10, what="tasks without the instrument again")
