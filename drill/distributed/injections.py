"""Faults of processes and servers, each for as long as a block lasts."""

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from cache.redis_client import open_redis
from drill.distributed.server_process import find_binary
from drill.distributed.system import RABBITMQ, REDIS, SERVERS, DistributedSystem

Injection = Callable[[DistributedSystem], AbstractAsyncContextManager[None]]

# Less than Redis needs while it is empty: every write is refused.
FULL_BYTES = "1"
# Fewer than any process has open: those stay, and no other can be opened.
FEWEST_DESCRIPTORS = 3
# More than any disk has: RabbitMQ stops accepting messages.
NO_DISK_LEFT = "1000GB"
USUAL_DISK_LIMIT = "50MB"


def killed(name: str) -> Injection:
    """End it at once; start it in the end."""

    @asynccontextmanager
    async def inject(system: DistributedSystem) -> AsyncIterator[None]:
        if name in SERVERS:
            await asyncio.to_thread(system.servers[name].kill)
        else:
            await system.processes[name].kill()
        try:
            yield
        finally:
            await _start(system, name)

    return inject


def restarted(name: str) -> Injection:
    """Ask it to stop, and start it at once."""

    @asynccontextmanager
    async def inject(system: DistributedSystem) -> AsyncIterator[None]:
        if name in SERVERS:
            await asyncio.to_thread(system.servers[name].stop)
        else:
            await system.processes[name].stop()
        await _start(system, name)
        yield

    return inject


def frozen(name: str) -> Injection:
    """Let it do nothing, with its connections open."""

    @asynccontextmanager
    async def inject(system: DistributedSystem) -> AsyncIterator[None]:
        victim = system.servers[name] if name in SERVERS else system.processes[name]
        victim.freeze()
        try:
            yield
        finally:
            victim.thaw()

    return inject


def blackholed(process: str, backend: str) -> Injection:
    """Drop everything between a process and a backend; nothing is closed."""

    @asynccontextmanager
    async def inject(system: DistributedSystem) -> AsyncIterator[None]:
        relay = system.relays[process, backend]
        relay.blackhole()
        try:
            yield
        finally:
            relay.restore()

    return inject


def skewed(name: str, skew_s: float) -> Injection:
    """Let its clock step by so many seconds, and back in the end."""

    @asynccontextmanager
    async def inject(system: DistributedSystem) -> AsyncIterator[None]:
        system.clocks[name].set(skew_s)
        try:
            yield
        finally:
            system.clocks[name].set(0)

    return inject


def without_descriptors(name: str) -> Injection:
    """Let a process open nothing more: no file and no connection."""

    @asynccontextmanager
    async def inject(system: DistributedSystem) -> AsyncIterator[None]:
        pid = system.processes[name].pid
        assert pid is not None
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (FEWEST_DESCRIPTORS, before[1]))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

    return inject


@asynccontextmanager
async def full_redis(system: DistributedSystem) -> AsyncIterator[None]:
    """Let Redis refuse writes, as with its memory used up."""
    redis = open_redis(system.servers[REDIS].url)
    try:
        await redis.config_set("maxmemory", FULL_BYTES)
        yield
    finally:
        await redis.config_set("maxmemory", "0")
        await redis.aclose()


@asynccontextmanager
async def full_rabbitmq(system: DistributedSystem) -> AsyncIterator[None]:
    """Raise RabbitMQ's disk alarm: it takes no messages from publishers."""
    await _limit_disk(system, NO_DISK_LEFT)
    try:
        yield
    finally:
        await _limit_disk(system, USUAL_DISK_LIMIT)


@asynccontextmanager
async def reloaded_nginx(system: DistributedSystem) -> AsyncIterator[None]:
    """Let nginx read its configuration anew: its old workers end their connections."""
    os.kill(system.servers["nginx"].pids()[0], signal.SIGHUP)
    yield


def together(*injections: Injection) -> Injection:
    """Several at once."""

    @asynccontextmanager
    async def inject(system: DistributedSystem) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for each in injections:
                await stack.enter_async_context(each(system))
            yield

    return inject


async def _start(system: DistributedSystem, name: str) -> None:
    if name in SERVERS:
        await asyncio.to_thread(system.servers[name].start)
    else:
        await system.processes[name].start()


async def _limit_disk(system: DistributedSystem, limit: str) -> None:
    # Not the one on the PATH, which changes the user and drops the environment.
    program = find_binary("rabbitmqctl", "/usr/lib/rabbitmq/bin", "/usr/lib/rabbitmq/lib/*/sbin")
    await asyncio.to_thread(system.servers[RABBITMQ].run, program, "set_disk_free_limit", limit)
