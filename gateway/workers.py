"""Several gateway processes on one port, and the supervisor that starts them.

Each worker listens on a socket of its own (SO_REUSEPORT). The kernel spreads connections over the sockets that listen, so a dead
worker gets none. A worker listens once it can answer, and writes a heartbeat to its standard output every second. It exits when its
standard input is closed, so that no worker outlives the supervisor.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import closing, suppress

import structlog

from gateway.listening_socket import bind
from gateway.server import run_gateway
from gateway.settings import PREFIX, GatewaySettings
from runtime.process import StopEvent
from runtime.settings import CacheSettings, DatabaseSettings, ProcessSettings, load_settings

HEARTBEAT_S = 1.0
# After running this long, a worker counts as healthy: its replacement starts without a growing delay.
HEALTHY_AFTER_S = 10.0
MIN_RESTART_DELAY_S, MAX_RESTART_DELAY_S = 0.1, 5.0
# Time for stopping in addition to that of the requests in flight.
STOP_MARGIN_S = 5.0
# Time for stopping after the second signal.
AT_ONCE_S = 2.0
# Time for starting in addition to that of connecting to Redis and the database, which has its own limit.
START_MARGIN_S = 30.0

log = structlog.get_logger("ratewire.gateway.workers")


async def run_workers(count: int, stop: StopEvent, command: Sequence[str]) -> None:
    """Keep `count` workers running until `stop` is set, and replace each that ends.

    A stop is passed on to all workers, which drain at the same time; so is a second signal, which ends that.

    `command` starts a process that calls `run_worker`.

    Raises:
        InvalidSetting, PortInUse: a person must change the configuration.
    """
    settings, process = load_settings(GatewaySettings), load_settings(ProcessSettings)
    # An invalid setting is reported once here, not by every worker again and again.
    load_settings(CacheSettings), load_settings(DatabaseSettings)
    with closing(bind(settings)) as probe:
        host, port = probe.getsockname()[:2]
    settings = settings.model_copy(update={"port": port, "workers": count})
    # Bound but not listening: it reserves the port and gets no connections.
    with closing(bind(settings, shared=True)):
        log.info("gateway workers", url=f"http://{host}:{port}", workers=count)
        start_timeout_s = process.startup_timeout_s + START_MARGIN_S
        async with asyncio.TaskGroup() as tasks:
            for number in range(1, count + 1):
                slot = _WorkerSlot(number, command, settings, start_timeout_s)
                tasks.create_task(slot.run(stop), name=f"worker {number}")
    log.info("gateway workers stopped")


async def run_worker(stop: StopEvent) -> None:
    """Run one worker until `stop` is set or the supervisor is gone."""
    # A terminal sends SIGINT to the supervisor and to its workers: the supervisor passes it on, once.
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        helpers = [
            tasks.create_task(_stop_with_supervisor(stop)),
            tasks.create_task(_send_heartbeats(ready, stop)),
        ]
        await run_gateway(stop, shared=True, on_ready=ready.set)
        for each in helpers:
            each.cancel()


async def _stop_with_supervisor(stop: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer
    )
    await reader.read()
    stop.set()


async def _send_heartbeats(ready: asyncio.Event, stop: asyncio.Event) -> None:
    await ready.wait()
    with suppress(BrokenPipeError):
        while True:
            os.write(sys.stdout.fileno(), b".")
            await asyncio.sleep(HEARTBEAT_S)
    stop.set()


class _WorkerSlot:
    """Runs one worker, and after it its replacements."""

    def __init__(
        self, number: int, command: Sequence[str], settings: GatewaySettings, start_timeout_s: float
    ) -> None:
        self._number = number
        self._command = command
        self._environment = {
            **os.environ,
            f"{PREFIX}PORT": str(settings.port),
            # It learns that it is one of several: `command` starts no more of them.
            f"{PREFIX}WORKERS": str(settings.workers),
        }
        self._start_timeout_s = start_timeout_s
        self._silence_s = settings.worker_silence_s
        self._stop_s = (
            settings.drain_notice_s + settings.drain_s + settings.shutdown_timeout_s + STOP_MARGIN_S
        )

    async def run(self, stop: StopEvent) -> None:
        """Start one worker after the other until `stop` is set, with growing delays after failures."""
        loop = asyncio.get_running_loop()
        failures = 0
        while not stop.is_set():
            started_at = loop.time()
            code = await self._run_one(stop)
            if stop.is_set():
                return
            failures = 0 if loop.time() - started_at > HEALTHY_AFTER_S else failures + 1
            wait_s = min(MAX_RESTART_DELAY_S, MIN_RESTART_DELAY_S * 2.0 ** min(failures, 10))
            log.error("worker ended", worker=self._number, code=code, wait_s=wait_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await stop.wait()

    async def _run_one(self, stop: StopEvent) -> int:
        """Run one worker to its end, and return its exit code."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment,
                stdin=PIPE,
                stdout=PIPE,
            )
        except OSError as exc:
            # No descriptor, process or memory is left: the other workers go on, and this one is tried again.
            log.error("worker not started", worker=self._number, error=str(exc))  # noqa: TRY400 - there is no bug to trace
            return exc.errno or 1
        log.info("worker started", worker=self._number, pid=process.pid)
        watching = asyncio.create_task(self._watch(process))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                await self._stop(process, stop)
        finally:
            for task in (watching, stopping):
                task.cancel()
            await asyncio.wait({watching, stopping})
            _signal(process, process.kill)
            await process.wait()
        return process.returncode or 0

    async def _stop(self, process: Process, stop: StopEvent) -> None:
        """Have a worker drain; return when it has ended, or soon after the second signal."""
        _signal(process, process.terminate)
        ending = asyncio.create_task(self._wait_for(process))
        hurrying = asyncio.create_task(stop.at_once.wait())
        await asyncio.wait({ending, hurrying}, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if not ending.done():
            _signal(process, process.terminate)
            await asyncio.wait({ending}, timeout=AT_ONCE_S)
            ending.cancel()

    async def _watch(self, process: Process) -> None:
        """Return when the process has ended, or sent no heartbeat for too long."""
        assert process.stdout is not None
        timeout_s = self._start_timeout_s
        try:
            while True:
                async with asyncio.timeout(timeout_s):
                    if not await process.stdout.read(1024):
                        break
                timeout_s = self._silence_s
        except TimeoutError:
            log.error("worker hangs", worker=self._number, silent_s=timeout_s)  # noqa: TRY400 - there is no traceback
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
