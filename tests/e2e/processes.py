"""Start `ratewire` commands as a user would.

Separate processes, settings from the environment, SIGTERM to stop.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.e2e.forked_processes import ForkedProcess, may_fork

ROOT = Path(__file__).resolve().parents[2]
STOP_TIMEOUT_S = 60
T = TypeVar("T")


async def eventually(check: Callable[[], Awaitable[T | None]], *, within_s: float, what: str) -> T:
    """The first truthy result of `check`, polled.

    Raises AssertionError naming `what` after `within_s`.
    """
    seen: T | None = None
    try:
        async with asyncio.timeout(within_s):
            while True:
                seen = await check()
                if seen:
                    return seen
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"waited {within_s} s for {what}; last seen: {seen!r}") from None


@dataclass
class Command:
    """One running `ratewire` process with all that it printed."""

    name: str
    process: asyncio.subprocess.Process | ForkedProcess
    output: bytearray = field(default_factory=bytearray)
    reader: asyncio.Task[None] | None = None

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace")

    async def read(self) -> None:
        assert self.process.stdout is not None
        while chunk := await self.process.stdout.read(65_536):
            self.output += chunk

    async def prints(self, text: str, *, within_s: float = 120) -> None:
        """Wait until `text` stands in the output."""

        async def check() -> bool:
            assert self.process.returncode is None or text in self.text, (
                f"{self.name} ended early:\n{self.text}"
            )
            return text in self.text

        await eventually(
            check, within_s=within_s, what=f"{text!r} from {self.name}; so far:\n{self.text[-2000:]}"
        )

    async def ends(self, *, within_s: float = STOP_TIMEOUT_S) -> int:
        """The exit code, once the process is gone and its output is read."""
        async with asyncio.timeout(within_s):
            code = await self.process.wait()
            if self.reader is not None:
                await self.reader
        return code

    async def stop(self) -> int:
        """Send SIGTERM; the exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        return await self.ends()

    async def kill(self) -> None:
        """Send SIGKILL and wait."""
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.ends()


async def _start(
    arguments: Sequence[str], env: Mapping[str, str], folder: Path
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ratewire",
        *arguments,
        env=env,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        stdin=asyncio.subprocess.DEVNULL,
    )


async def _fork(arguments: Sequence[str], env: Mapping[str, str]) -> ForkedProcess:
    process = ForkedProcess(arguments, env, ROOT)
    await process.start()
    return process


@asynccontextmanager
async def running(
    *arguments: str, env: Mapping[str, str], folder: Path = ROOT, anew: bool = False
) -> AsyncIterator[Command]:
    """`ratewire ARGUMENTS` of the project in `folder`, with exactly the settings in `env`.

    Ended at the latest on leaving. `anew`: by the interpreter, for tests of the start itself or of memory. Otherwise the process
    is forked from one that has imported the packages, where that makes no difference.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("RATEWIRE_")}
    whole = {**inherited, "PYTHONUNBUFFERED": "1", **env}
    process: asyncio.subprocess.Process | ForkedProcess
    if anew or folder != ROOT or not may_fork(env):
        process = await _start(arguments, whole, folder)
    else:
        process = await _fork(arguments, whole)
    command = Command(" ".join(arguments), process)
    command.reader = asyncio.create_task(command.read())
    try:
        yield command
    finally:
        if process.returncode is None:
            try:
                await command.stop()
            except TimeoutError:
                await command.kill()
                raise AssertionError(
                    f"{command.name} did not stop on SIGTERM:\n{command.text[-3000:]}"
                ) from None


@asynccontextmanager
async def running_all(
    commands: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]], *, anew: Collection[str] = ()
) -> AsyncIterator[dict[str, Command]]:
    """Several commands at once, by a name each.

    Those that `anew` names are started as by `running(anew=True)`.
    """
    async with AsyncExitStack() as stack:
        started = {
            name: await stack.enter_async_context(running(*arguments, env=env, anew=name in anew))
            for name, (arguments, env) in commands.items()
        }
        try:
            yield started
        finally:
            # All at once: they stop side by side, not one after the other.
            for command in started.values():
                if command.process.returncode is None:
                    command.process.terminate()
