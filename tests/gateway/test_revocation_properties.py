"""No order of events lets a revoked key receive an event later than the bound.

The real classes, in virtual time.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from access.authority import LOOKUP_TIMEOUT_S, KeyAuthority
from access.key_watch import KeyWatch
from access.principal import Principal
from access.propagation import tell_changes
from gateway.authentication import Authentication
from gateway.client_connections import Ending
from gateway.keyed_connections import KeyedConnections
from rates.errors import RatesError
from tests.access.key_fakes import LinkedKeys, LinkedNotices, MemoryBus, MemoryKeys
from tests.lengths import TIMES
from tests.virtual_time import VirtualTimeLoop

GATEWAYS = 3
GRACE_S = 5.0
BOUND_S = 1.0
EVENT_S = 0.05
# A frozen server answers late once it goes on: a look that hung is given up and repeated.
MEND_S = 2.5


class OpenSocket:
    """A subscriber's socket that gets an event every `EVENT_S` until it is ended."""

    def __init__(self, principal: Principal, secret: str) -> None:
        self.principal, self.secret = principal, secret
        self.ending: Ending | None = None

    async def end(self, ending: Ending) -> None:
        self.ending = ending


class OneGateway:
    """The access control of a gateway, and its open sockets."""

    def __init__(self, market: "KeyMachine") -> None:
        self.storage = LinkedKeys(market.stored)
        self.notices = LinkedNotices(market.bus)
        self._market = market
        self.mended_at = -MEND_S
        self.cut_at: float | None = None
        self.start()

    def start(self) -> None:
        """Begin with nothing known, as after a restart."""
        loop = self._market.loop
        self.authority = KeyAuthority(self.storage, clock=loop.clock)
        self.authentication = Authentication(self.authority)
        self.connections = KeyedConnections(self.authority, loop.clock)
        self.sockets: list[OpenSocket] = []
        watch = KeyWatch(self.authority, self.storage, self.notices, grace_s=GRACE_S)
        self.tasks = [
            loop.create_task(each) for each in (watch.run(), self.connections.run(), self._publish())
        ]

    async def stop(self) -> None:
        """End all at once, as a killed process does."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.sockets.clear()

    @property
    def is_cut_off(self) -> bool:
        return not self.storage.link.is_up and not self.notices.link.is_up

    def note_links(self) -> None:
        """Note since when it has been cut off, or not."""
        now_s = self._market.loop.time()
        if self.is_cut_off:
            self.cut_at = self.cut_at if self.cut_at is not None else now_s
        else:
            if self.cut_at is not None:
                self.mended_at = now_s
            self.cut_at = None

    async def connect(self, text: str) -> None:
        try:
            headers = [(b"authorization", f"Bearer {text}".encode())]
            async with asyncio.timeout(1):
                principal = await self.authentication.authenticate(headers)
        except (RatesError, TimeoutError):
            return
        socket = OpenSocket(principal, text)
        self.sockets.append(socket)
        self.connections.add(socket)

    @property
    def open_sockets(self) -> list[OpenSocket]:
        """The sockets that have not been ended."""
        return [each for each in self.sockets if each.ending is None]

    async def _publish(self) -> None:
        while True:
            for socket in list(self.sockets):
                if socket.ending is None:
                    self._market.note_event(self, socket)
                else:
                    self.sockets.remove(socket)
            await asyncio.sleep(EVENT_S)


class KeyMachine(RuleBasedStateMachine):
    """Creates, revokes and rotates keys while gateways, Redis and the database come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        asyncio.set_event_loop(self.loop)
        self.texts: list[str] = []
        # Until when each secret counts, and with which revision that was stored.
        self.ends: dict[str, tuple[datetime, int]] = {}
        self.problems: list[str] = []

        async def start() -> None:
            self.stored, self.bus = MemoryKeys(), MemoryBus()
            self.command = LinkedNotices(self.bus)
            self.gateways = [OneGateway(self) for _ in range(GATEWAYS)]
            await asyncio.sleep(1)

        self.run(start())

    def run(self, work: Any) -> None:
        self.loop.run_until_complete(work)
        assert self.problems == []

    def note_event(self, gateway: OneGateway, socket: OpenSocket) -> None:
        """Check an event at the moment at which a subscriber gets it."""
        now_s = self.loop.time()
        if gateway.cut_at is not None:
            if now_s > gateway.cut_at + GRACE_S + BOUND_S:
                self.problems.append(f"an event {now_s - gateway.cut_at} s after the gateway was cut off")
            return
        ended = self.ends.get(socket.secret)
        if ended is None or now_s < gateway.mended_at + MEND_S:
            return
        end, revision = ended
        late_s = (self.loop.clock() - end).total_seconds()
        if not gateway.storage.link.is_up:
            # Redis alone: from the moment on at which it was told.
            told_at = self.bus.told_at.get(revision)
            if told_at is None:
                return
            late_s = min(late_s, now_s - told_at)
        if late_s > BOUND_S + EVENT_S:
            self.problems.append(f"an event {late_s} s after the end of the key")

    async def tell(self) -> None:
        try:
            async with asyncio.timeout(1):
                await tell_changes(LinkedKeys(self.stored), self.command)
        except (RatesError, TimeoutError):
            return

    @rule(lifetime_s=st.sampled_from([None, 3, 60]))
    def create(self, lifetime_s: int | None) -> None:
        now = self.loop.clock()
        end = None if lifetime_s is None else now + timedelta(seconds=lifetime_s)
        created = self.stored.create(now, expires_at=end)
        self.texts.append(created.text)
        if end is not None:
            self.ends[created.text] = end, self.stored.revision
        self.run(self.tell())

    @precondition(lambda self: self.texts)
    @rule(which=st.integers(0, 99), gateway=st.integers(0, GATEWAYS - 1))
    def connect(self, which: int, gateway: int) -> None:
        self.run(self.gateways[gateway].connect(self.texts[which % len(self.texts)]))

    @precondition(lambda self: self.texts)
    @rule(which=st.integers(0, 99))
    def connect_everywhere(self, which: int) -> None:
        async def connect() -> None:
            text = self.texts[which % len(self.texts)]
            await asyncio.gather(*(each.connect(text) for each in self.gateways))

        self.run(connect())

    @precondition(lambda self: self.texts)
    @rule(which=st.integers(0, 99), lost=st.sets(st.integers(0, GATEWAYS - 1)))
    def revoke(self, which: int, lost: set[int]) -> None:
        self._revoke(self.texts[which % len(self.texts)], lost)

    @precondition(lambda self: any(gateway.open_sockets for gateway in self.gateways))
    @rule(
        which=st.integers(0, 99),
        lost=st.sets(st.integers(0, GATEWAYS - 1)),
        cut=st.sampled_from([None, "database", "redis"]),
        refuses=st.booleans(),
        seconds=st.sampled_from([1.1, 1.6, 4]),
    )
    def revoke_one_in_use(
        self, which: int, lost: set[int], cut: str | None, refuses: bool, seconds: float
    ) -> None:
        """Revoke a key that has open sockets, and wait longer than the bound.

        Its gateway hears of it by one look at most, if the message is lost and the other server is away for long.
        """
        in_use = [(gateway, socket) for gateway in self.gateways for socket in gateway.open_sockets]
        gateway, socket = in_use[which % len(in_use)]
        if cut is not None:
            (gateway.storage if cut == "database" else gateway.notices).link.cut(refuses=refuses)
            gateway.note_links()
            self.run(asyncio.sleep(MEND_S))
        self._revoke(socket.secret, lost)
        self.run(asyncio.sleep(seconds))

    def _revoke(self, text: str, lost: set[int]) -> None:
        key_id = text[3:13]
        now = self.loop.clock()
        self.stored.revoke(key_id, now)
        for each in self.texts:
            if each[3:13] == key_id:
                earlier = self.ends.get(each)
                if earlier is None or earlier[0] > now:
                    self.ends[each] = now, self.stored.revision
        self._tell_but(lost)

    @precondition(lambda self: self.texts)
    @rule(
        which=st.integers(0, 99),
        overlap_s=st.sampled_from([0, 2, 30]),
        lost=st.sets(st.integers(0, GATEWAYS - 1)),
    )
    def rotate(self, which: int, overlap_s: int, lost: set[int]) -> None:
        text = self.texts[which % len(self.texts)]
        key_id, now = text[3:13], self.loop.clock()
        if self.stored.keys[key_id].revoked_at is not None:
            return
        created = self.stored.rotate(key_id, now, timedelta(seconds=overlap_s))
        end = now + timedelta(seconds=overlap_s)
        for each in self.texts:
            if each[3:13] == key_id and (each not in self.ends or self.ends[each][0] > end):
                self.ends[each] = end, self.stored.revision
        self.texts.append(created.text)
        expires_at = created.key.expires_at
        if expires_at is not None:
            self.ends[created.text] = expires_at, self.stored.revision
        self._tell_but(lost)

    def _tell_but(self, lost: set[int]) -> None:
        for number, gateway in enumerate(self.gateways):
            gateway.notices.loses_messages = number in lost
        self.run(self.tell())

    @rule(
        gateway=st.integers(0, GATEWAYS - 1),
        database=st.booleans(),
        redis=st.booleans(),
        refuses=st.booleans(),
    )
    def cut(self, gateway: int, database: bool, redis: bool, refuses: bool) -> None:
        cut = self.gateways[gateway]
        if database:
            cut.storage.link.cut(refuses=refuses)
        if redis:
            cut.notices.link.cut(refuses=refuses)
        cut.note_links()

    @precondition(lambda self: self.texts)
    @rule(
        which=st.integers(0, 99),
        gateway=st.integers(0, GATEWAYS - 1),
        refuses=st.booleans(),
        seconds=st.sampled_from([4, 8]),
    )
    def cut_off_one_in_use(self, which: int, gateway: int, refuses: bool, seconds: float) -> None:
        """Cut a gateway with an open socket off, for less or more than the grace."""
        cut = self.gateways[gateway]
        self.run(cut.connect(self.texts[which % len(self.texts)]))
        for link in (cut.storage.link, cut.notices.link):
            link.cut(refuses=refuses)
        cut.note_links()
        self.run(asyncio.sleep(seconds))

    @rule(gateway=st.integers(0, GATEWAYS - 1), database=st.booleans(), redis=st.booleans())
    def mend(self, gateway: int, database: bool, redis: bool) -> None:
        mended = self.gateways[gateway]
        if database and not mended.storage.link.is_up:
            mended.storage.link.mend()
            mended.mended_at = self.loop.time()
        if redis and not mended.notices.link.is_up:
            mended.notices.link.mend()
            mended.mended_at = self.loop.time()
        mended.note_links()

    @rule(works=st.booleans())
    def reach_redis_from_the_command(self, works: bool) -> None:
        if works:
            self.command.link.mend()
        else:
            self.command.link.cut(refuses=True)

    @rule(gateway=st.integers(0, GATEWAYS - 1))
    def restart(self, gateway: int) -> None:
        async def again() -> None:
            await self.gateways[gateway].stop()
            self.gateways[gateway].start()

        self.run(again())

    @rule(seconds=st.sampled_from([0.05, 0.3, 1.1, 4, 8]))
    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    def teardown(self) -> None:
        async def stop() -> None:
            for gateway in self.gateways:
                for task in gateway.tasks:
                    assert not task.done() or task.cancelled(), task
                await gateway.stop()
            # Nobody waits for their look-ups any more. Each ends by its own timeout, whatever hangs.
            await asyncio.sleep(LOOKUP_TIMEOUT_S + 1)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        self.run(stop())
        self.loop.close()


# With `make test-long`, longer runs too: they find what takes several outages one after the other.
KeyMachine.TestCase.settings = settings(
    max_examples=40 if TIMES == 1 else 150, stateful_step_count=30 if TIMES == 1 else 50, deadline=None
)
TestRevocation = pytest.mark.slow(KeyMachine.TestCase)
