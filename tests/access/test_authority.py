"""Verification of keys while servers come and go. In virtual time."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from access.authority import LOOKUP_TIMEOUT_S, KeyAuthority
from access.key_text import generate_key
from access.key_watch import KeyWatch
from access.propagation import tell_changes
from rates.errors import AccessUnavailable, DenialReason, Unauthenticated
from tests.access.key_fakes import LinkedKeys, LinkedNotices, MemoryBus, MemoryKeys
from tests.gateway.fakes import NOON
from tests.virtual_time import VirtualTimeLoop, run_virtually

GRACE_S = 60.0
BOUND_S = 1.0


class Access:
    """One gateway's authority over a database and a Redis."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.clock = loop.clock
        self.stored, self.bus = MemoryKeys(), MemoryBus()
        self.storage, self.notices = LinkedKeys(self.stored), LinkedNotices(self.bus)
        self.authority = KeyAuthority(self.storage, clock=self.clock)
        self.watch = KeyWatch(self.authority, self.storage, self.notices, grace_s=GRACE_S)

    async def watch_anew(self) -> None:
        """Let another gateway start, and stop it."""
        self.authority = KeyAuthority(self.storage, clock=self.clock)
        watch = asyncio.create_task(
            KeyWatch(self.authority, self.storage, LinkedNotices(self.bus), grace_s=GRACE_S).run()
        )
        await asyncio.sleep(3)
        watch.cancel()

    async def tell(self) -> None:
        """Tell what was changed, as a command on another machine does."""
        await tell_changes(LinkedKeys(self.stored), LinkedNotices(self.bus))

    async def reason(self, text: str) -> DenialReason | None:
        """Return why a key does not count; `None` if it does."""
        try:
            await self.authority.verify(text)
        except Unauthenticated as exc:
            return exc.reason
        return None


@asynccontextmanager
async def running() -> AsyncIterator[Access]:
    access = Access()
    watching = asyncio.create_task(access.watch.run())
    await asyncio.sleep(0.1)
    yield access
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


def virtually(main: Callable[[Access], Awaitable[None]]) -> None:
    async def run() -> None:
        async with running() as access:
            await main(access)

    run_virtually(run())


def test_a_key_is_looked_up_once() -> None:
    """Later requests find it in memory, at once."""

    async def main(access: Access) -> None:
        text = access.stored.create(NOON).text
        assert access.authority.find(text) is None
        first = await access.authority.verify(text)
        assert access.authority.find(text) is first
        await access.authority.verify(text)
        assert access.storage.lookups == 1

    virtually(main)


def test_requests_that_come_together_share_a_look_up() -> None:
    """As after the restart of a gateway, when all clients of a key come back."""

    async def main(access: Access) -> None:
        text = access.stored.create(NOON).text
        access.storage.link.cut(refuses=False)
        asking = [asyncio.create_task(access.authority.verify(text)) for _ in range(100)]
        await asyncio.sleep(0.5)
        access.storage.link.mend()
        assert len({id(each) for each in await asyncio.gather(*asking)}) == 1
        assert access.storage.lookups == 1

    virtually(main)


def test_keys_that_do_not_count_are_refused_with_the_reason() -> None:
    """Made-up ones, mistyped ones, other secrets of an id, expired and revoked ones."""

    async def main(access: Access) -> None:
        stored = access.stored
        good, other = stored.create(NOON), MemoryKeys().create(NOON)
        ending = stored.create(NOON, expires_at=NOON + timedelta(seconds=10))
        assert await access.reason(good.text) is None
        assert await access.reason(other.text) is DenialReason.UNKNOWN
        assert await access.reason(good.text[:-1] + "!") is DenialReason.MALFORMED
        assert await access.reason("no key") is DenialReason.MALFORMED
        assert await access.reason(generate_key(good.key.id)) is DenialReason.UNKNOWN
        assert await access.reason(ending.text) is None
        await asyncio.sleep(10)
        assert await access.reason(ending.text) is DenialReason.EXPIRED
        stored.revoke(good.key.id, access.clock())
        await access.tell()
        await asyncio.sleep(0.01)
        assert await access.reason(good.text) is DenialReason.REVOKED

    virtually(main)


@pytest.mark.slow
def test_made_up_keys_do_not_flood_the_database() -> None:
    """Their checksums are right, so each would be looked up: only some a second are."""

    async def main(access: Access) -> None:
        refused = 0
        for _ in range(3_000):
            try:
                await access.reason(MemoryKeys().create(NOON).text)
            except AccessUnavailable:
                refused += 1
        assert access.storage.lookups <= 1_100
        assert refused >= 1_900

    virtually(main)


def test_a_new_secret_counts_before_anybody_told_of_it() -> None:
    """And the old one until the overlap has passed: no request fails in between."""

    async def main(access: Access) -> None:
        old = access.stored.create(NOON)
        assert await access.reason(old.text) is None
        new = access.stored.rotate(old.key.id, access.clock(), timedelta(seconds=30))
        assert await access.reason(new.text) is None
        assert await access.reason(old.text) is None
        await asyncio.sleep(31)
        assert await access.reason(old.text) is DenialReason.EXPIRED
        assert await access.reason(new.text) is None

    virtually(main)


def test_what_a_look_up_finds_is_told_as_a_change() -> None:
    """Connections of an earlier secret end: a look that comes later finds nothing new."""

    async def main(access: Access) -> None:
        old = access.stored.create(NOON)
        assert await access.reason(old.text) is None
        new = access.stored.rotate(old.key.id, access.clock(), timedelta(seconds=0))
        changed: list[str] = []
        access.authority.on_changed.append(changed.append)
        assert await access.reason(new.text) is None
        assert changed == [old.key.id]

    virtually(main)


@pytest.mark.parametrize("lost", ["nothing", "message", "redis", "untold", "database"])
def test_a_revocation_counts_within_a_second(lost: str) -> None:
    """One of its message, Redis, the command's way to Redis, the database may be lost."""

    async def main(access: Access) -> None:
        created = access.stored.create(NOON)
        await access.tell()
        await asyncio.sleep(1)
        assert access.authority.find(created.text) or await access.reason(created.text) is None
        access.notices.loses_messages = lost == "message"
        if lost == "redis":
            access.notices.link.cut(refuses=False)
        if lost == "database":
            access.storage.link.cut(refuses=False)
        access.stored.revoke(created.key.id, access.clock())
        if lost not in {"redis", "untold"}:
            await access.tell()
        await asyncio.sleep(BOUND_S)
        assert access.authority.find(created.text) is None
        assert await access.reason(created.text) is DenialReason.REVOKED
        if lost == "untold":
            await asyncio.sleep(BOUND_S)
            assert access.bus.revision == access.stored.revision

    virtually(main)


def test_a_gateway_that_is_cut_off_goes_on_for_the_grace() -> None:
    """Then keys do not count until it reaches one of both again; anonymous goes on."""

    async def main(access: Access) -> None:
        created = access.stored.create(NOON)
        assert await access.reason(created.text) is None
        for link in (access.storage.link, access.notices.link):
            link.cut(refuses=True)
        await asyncio.sleep(GRACE_S - 2)
        assert access.authority.find(created.text)
        await asyncio.sleep(4)
        assert access.authority.find(created.text) is None
        with pytest.raises(AccessUnavailable):
            await access.authority.verify(created.text)
        assert access.authority.anonymous is not None
        access.storage.link.mend()
        await asyncio.sleep(1)
        assert access.authority.find(created.text)

    virtually(main)


@pytest.mark.slow
def test_a_look_up_whose_clients_have_gone_ends_without_a_word() -> None:
    """Its error is nobody's, and asyncio would log it as one that was never retrieved."""

    async def main() -> None:
        loop, access, reported = asyncio.get_running_loop(), Access(), list[object]()
        loop.set_exception_handler(lambda _, context: reported.append(context))
        access.storage.link.cut(refuses=False)
        verifying = asyncio.create_task(access.authority.verify(generate_key("abcdefghjk")))
        await asyncio.sleep(0.1)
        verifying.cancel()
        await asyncio.wait([verifying])
        await asyncio.sleep(LOOKUP_TIMEOUT_S + 1)
        # Its traceback holds the look-up.
        del verifying
        gc.collect()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert reported == []

    run_virtually(main())


def test_unknown_keys_wait_for_the_database_and_known_ones_do_not() -> None:
    """Redis alone is enough for those that are known, for as long as it takes."""

    async def main(access: Access) -> None:
        known, unknown = access.stored.create(NOON), MemoryKeys().create(NOON)
        await access.tell()
        assert await access.reason(known.text) is None
        access.storage.link.cut(refuses=True)
        await asyncio.sleep(10 * GRACE_S)
        assert access.authority.find(known.text)
        with pytest.raises(AccessUnavailable):
            await access.authority.verify(unknown.text)

    virtually(main)


def test_another_database_takes_all_keys_back() -> None:
    """No key of the old one counts, whatever Redis still has."""

    async def main(access: Access) -> None:
        created = [access.stored.create(NOON) for _ in range(3)]
        await access.tell()
        assert await access.reason(created[2].text) is None
        access.stored.keys.clear()
        access.stored.revision = 0
        await asyncio.sleep(3)
        assert access.authority.find(created[2].text) is None
        assert await access.reason(created[2].text) is DenialReason.UNKNOWN
        assert access.bus.revision == 0

    virtually(main)


def test_a_redis_of_another_database_is_believed_nothing() -> None:
    """As after a restore: keys that only Redis has do not count, and it is told anew."""

    async def main(access: Access) -> None:
        foreign = MemoryKeys()
        created = [foreign.create(NOON) for _ in range(3)]
        await tell_changes(LinkedKeys(foreign), LinkedNotices(access.bus))
        await access.watch_anew()
        assert access.authority.find(created[0].text) is None
        assert access.bus.revision == 0

    virtually(main)
