"""Several gateway processes on one port, for machines with several cores: a supervisor that serves nothing itself.

Each worker listens on a socket of its own (SO_REUSEPORT): the kernel spreads connections over those that listen, and one that has
died gets none. A worker listens once it can answer; says every second that it lives, on its standard output; and ends when its
standard input does, so that none outlives its supervisor.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import closing, suppress

import structlog

from gateway.server import bind, run_gateway
from gateway.settings import PREFIX, GatewaySettings
from runtime.settings import CacheSettings, DatabaseSettings, ProcessSettings, load_settings

BEAT_S = 1.0
# A worker that lived so long was well: its end is no reason to wait before the next.
SETTLED_S = 10.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 5.0
# What a stop takes beside the requests in flight.
STOP_MARGIN_S = 5.0
# Reaching the others has a limit of its own; this is for what comes before and after.
START_MARGIN_S = 30.0

log = structlog.get_logger("ratewire.gateway.workers")


async def run_workers(count: int, stop: asyncio.Event) -> None:
    """Keep `count` workers running until `stop` is set; whichever ends is replaced.

    Raises:
        InvalidSetting, PortInUse: a person must change the configuration.
    """
    settings, process = load_settings(GatewaySettings), load_settings(ProcessSettings)
    # What a person must change is said once, here, and not by every worker for ever.
    load_settings(CacheSettings), load_settings(DatabaseSettings)
    with closing(bind(settings)) as probe:
        host, port = probe.getsockname()[:2]
    settings = settings.model_copy(update={"port": port})
    # Bound, not listening: it keeps the port, and gets no connection.
    with closing(bind(settings, shared=True)):
        log.info("gateway workers", url=f"http://{host}:{port}", workers=count)
        patience_s = process.startup_timeout_s + START_MARGIN_S
        async with asyncio.TaskGroup() as tasks:
            for number in range(1, count + 1):
                slot = _Slot(number, settings, patience_s)
                tasks.create_task(slot.run(stop), name=f"worker {number}")
    log.info("gateway workers stopped")


async def run_worker(stop: asyncio.Event) -> None:
    """The process that a supervisor starts, until `stop` is set or the supervisor is gone."""
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        followers = [
            tasks.create_task(_follow_supervisor(stop)),
            tasks.create_task(_show_life(ready, stop)),
        ]
        await run_gateway(stop, shared=True, on_ready=ready.set)
        for each in followers:
            each.cancel()


async def _follow_supervisor(stop: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer
    )
    await reader.read()
    stop.set()


async def _show_life(ready: asyncio.Event, stop: asyncio.Event) -> None:
    await ready.wait()
    with suppress(BrokenPipeError):
        while True:
            os.write(sys.stdout.fileno(), b".")
            await asyncio.sleep(BEAT_S)
    stop.set()


class _Slot:
    """One of the workers, and whoever takes its place."""

    def __init__(self, number: int, settings: GatewaySettings, start_patience_s: float) -> None:
        self._number = number
        self._environment = {
            **os.environ,
            f"{PREFIX}PORT": str(settings.port),
            f"{PREFIX}WORKERS": "1",
        }
        self._start_patience_s = start_patience_s
        self._silence_s = settings.worker_silence_s
        self._stop_s = settings.shutdown_timeout_s + STOP_MARGIN_S

    async def run(self, stop: asyncio.Event) -> None:
        """Start one after the other, at first without a wait, until `stop` is set."""
        loop = asyncio.get_running_loop()
        failures = 0
        while not stop.is_set():
            began = loop.time()
            code = await self._run_one(stop)
            if stop.is_set():
                return
            failures = 0 if loop.time() - began > SETTLED_S else failures + 1
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures, 10))
            log.error("worker ended", worker=self._number, code=code, wait_s=wait_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await stop.wait()

    async def _run_one(self, stop: asyncio.Event) -> int:
        """One worker's life; its exit code."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ratewire", "gateway", "--worker"),
            env=self._environment,
            stdin=PIPE,
            stdout=PIPE,
        )
        log.info("worker started", worker=self._number, pid=process.pid)
        watching = asyncio.create_task(self._watch(process))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                _signal(process, process.terminate)
                await self._wait_for(process)
        finally:
            for task in (watching, stopping):
                task.cancel()
            await asyncio.wait({watching, stopping})
            _signal(process, process.kill)
            await process.wait()
        return process.returncode or 0

    async def _watch(self, process: Process) -> None:
        """Return when it has ended, or shown no life for too long."""
        assert process.stdout is not None
        patience_s = self._start_patience_s
        try:
            while True:
                async with asyncio.timeout(patience_s):
                    if not await process.stdout.read(1024):
                        break
                patience_s = self._silence_s
        except TimeoutError:
            log.error("worker hangs", worker=self._number, silent_s=patience_s)  # noqa: TRY400 - nothing to trace
            return
        await self._wait_for(process)

    async def _wait_for(self, process: Process) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._stop_s):
                await process.wait()


def _signal(process: Process, send: Callable[[], None]) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            send()
