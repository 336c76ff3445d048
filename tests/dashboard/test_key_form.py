"""The pages at a gateway that answers nobody without a key."""

from pathlib import Path

import pytest

from runtime.free_port import free_port
from tests.dashboard.browser import browsing
from tests.e2e.processes import running

pytestmark = pytest.mark.servers

WITHIN_S = 60


async def test_the_page_asks_for_a_key_and_works_with_it(tmp_path: Path) -> None:
    """It says what is missing, keeps the key in the browser, and sends it on every transport."""
    port = free_port()
    env = {
        "RATEWIRE_GATEWAY_PORT": str(port),
        "RATEWIRE_STANDALONE_FOLDER": str(tmp_path),
        "RATEWIRE_ACCESS_ANONYMOUS": "false",
    }
    database = {"RATEWIRE_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/ratewire.sqlite"}
    async with running("up", env=env) as gateway:
        await gateway.prints("gateway listening", within_s=WITHIN_S)
        async with running("keys", "create", "page", env={**env, **database}) as command:
            assert await command.ends(within_s=WITHIN_S) == 0, command.text
        key = next(line for line in command.text.splitlines() if line.startswith("rw_"))
        async with browsing(f"http://127.0.0.1:{port}") as browser:
            await browser.open()
            field = ".banner.problem .key-form input"
            await browser.until(f"document.querySelector('{field}') !== null")
            await browser.shows("needs a key")
            await browser.click(field)
            await browser.type_text(key)
            await browser.press("Enter")
            await browser.until("document.querySelectorAll('[role=row], tbody tr').length > 5")
            await browser.until("document.querySelector('.banner.problem') === null")
            assert await browser.evaluate("localStorage.getItem('ratewire.api-key')") == key
            await browser.evaluate("document.querySelector('dialog.help').showModal()")
            assert [each for each in await browser.axe() if each["impact"] in {"serious", "critical"}] == []
        assert key not in gateway.text
