"""Subscriptions that a gateway reads at the same moment do not stop its other clients."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from tests.gateway.gateway_processes import Writer, gateway_processes
from tests.gateway.raw_socket import RawSocket, raw_socket
from tests.json_types import Json

SYMBOLS = [f"J{number}/USDT" for number in range(200)]
JOINING = 150
# Without admission there is one, before or after all of the subscriptions.
FEWEST_PONGS = 5
FIELDS = "symbol price bid ask observedAt ageMs"
TIMEOUT_S = 60


async def first_event(client: RawSocket) -> Json:
    """Return the first message that is no keep-alive of a slow gateway."""
    while (message := await client.receive())["type"] == "ping":
        pass
    return message


async def test_others_are_served_while_many_subscriptions_wait_for_their_turn(
    redis_url: str, tmp_path: Path
) -> None:
    """They arrive while the process is frozen, so it finds all of them at once."""
    async with (
        Writer(redis_url) as writer,
        gateway_processes(1, redis_url, tmp_path, SYMBOLS, max_cost=10_000_000) as (gateway,),
        AsyncExitStack() as stack,
    ):
        await writer.write(dict.fromkeys(SYMBOLS, 1))
        clients = [await stack.enter_async_context(raw_socket(gateway.ws)) for _ in range(JOINING + 1)]
        other = clients.pop()
        pid = gateway.command.process.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            for number, client in enumerate(clients):
                # Each of its own, so that none is encoded already.
                symbols = SYMBOLS[number:] + SYMBOLS[:number]
                query = f"subscription ($of: [Symbol!]) {{ rates(symbols: $of, minChangeBps: {number}) {{ items {{ {FIELDS} }} }} }}"
                await client.start("1", query, of=symbols)
        finally:
            os.kill(pid, signal.SIGCONT)
        pongs = 0

        async def count_pongs() -> None:
            nonlocal pongs
            while True:
                await other.answers()
                pongs += 1

        counting = asyncio.create_task(count_pongs())
        async with asyncio.timeout(TIMEOUT_S):
            events = await asyncio.gather(*(first_event(client) for client in clients))
        counting.cancel()
        assert all(len(each["payload"]["data"]["rates"]["items"]) == len(SYMBOLS) for each in events)
        assert pongs >= FEWEST_PONGS
