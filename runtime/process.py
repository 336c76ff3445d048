"""Process lifecycle: signals set a stop event, known errors become an exit code."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

import uvloop

from rates.errors import RatesError, SetupError
from runtime.logs import configure_logs
from runtime.settings import ProcessSettings, load_settings
from runtime.startup import StoppedEarly

EXIT_FAILED = 1
EXIT_MISCONFIGURED = 2


class StopEvent(asyncio.Event):
    """Set by the first SIGTERM or SIGINT."""

    def __init__(self) -> None:
        super().__init__()
        self.at_once = asyncio.Event()
        """Set by the second signal: stop without waiting for anything."""

    def signal(self) -> None:
        """Handle a signal."""
        (self.at_once if self.is_set() else self).set()


def run_process(main: Callable[[StopEvent], Awaitable[None]]) -> None:
    """Run `main` until it returns. SIGTERM and SIGINT set the stop event passed to it.

    Exits with code 2 on a configuration error and with code 1 on any other known error.
    """
    code = 0
    try:
        process = load_settings(ProcessSettings)
        configure_logs(process.log_level, process.log_format)
        uvloop.run(_until_stopped(main))
    except* RatesError as group:
        code = _report_failure(group)
    if code:
        sys.exit(code)


async def _until_stopped(main: Callable[[StopEvent], Awaitable[None]]) -> None:
    stop = StopEvent()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.signal)
    try:
        await main(stop)
    except* StoppedEarly:
        pass


def _report_failure(group: BaseExceptionGroup[RatesError]) -> int:
    errors = list(_flatten(group))
    for error in dict.fromkeys(map(str, errors)):
        sys.stderr.write(f"ratewire: {error}\n")
    return EXIT_MISCONFIGURED if any(isinstance(error, SetupError) for error in errors) else EXIT_FAILED


def _flatten(group: BaseExceptionGroup[RatesError]) -> list[RatesError]:
    found: list[RatesError] = []
    for error in group.exceptions:
        found += _flatten(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
