"""The page keeps nothing of what it has shown of 2,000 instruments that change all the time."""

import pytest

from tests.dashboard.browser import MIB, Browser, browsing
from tests.dashboard.busy_server import busy_server

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.servers,
    pytest.mark.long,
    pytest.mark.timeout(1_800),
]

INSTRUMENTS = 2_000
# Caches of the engine, of the table and of urql fill first.
WARM_UP = 200_000
UPDATES = 800_000
# Of a heap of 7 MiB. A leak of ten bytes for each update of the second half would exceed it.
MOST_GROWTH = 2 * MIB
HAS_ROWS = "document.querySelectorAll('.grid [role=rowheader]').length > 10"


async def heap_of(browser: Browser) -> float:
    """Bytes that are alive after a collection: the least of several, as a row may be rendered."""
    return min([(await browser.cost())["heap"] for _ in range(3)])


async def test_the_heap_does_not_grow_with_the_number_of_updates() -> None:
    """After a forced collection, the second half of the updates has left nothing behind."""
    async with busy_server(INSTRUMENTS) as server, browsing(server.url) as browser:
        await browser.open("/")
        await browser.until(HAS_ROWS)
        begun = server.written
        await server.has_written(begun + WARM_UP)
        await server.has_written(begun + UPDATES // 2)
        half = await heap_of(browser)
        await server.has_written(begun + UPDATES)
        whole = await heap_of(browser)
        assert whole <= half + MOST_GROWTH, f"{half / MIB:.2f} MiB, then {whole / MIB:.2f} MiB"
        assert (await browser.seen())["complaints"] == []
