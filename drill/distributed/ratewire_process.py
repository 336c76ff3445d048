"""A process of the distributed form, which can be killed, frozen and started again."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

STOP_TIMEOUT_S = 40.0
ROOT = Path(__file__).resolve().parents[2]
# The health check of the compose file: the heartbeat file is within this time of now, either way.
HEARTBEAT_AGE_S = 15.0


class RatewireProcess:
    """`ratewire ARGUMENTS`, with exactly the settings in `env`. Its output goes to a file."""

    def __init__(self, name: str, arguments: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self._arguments = arguments
        self._heartbeat = folder / f"{name}.heartbeat"
        self._env = {**env, "RATEWIRE_HEARTBEAT_FILE": str(self._heartbeat)}
        self._log = folder / f"{name}.log"
        self._mark = 0
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process ID while it runs."""
        return self._process.pid if self.is_running and self._process else None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    def heartbeat_age_s(self) -> float | None:
        """Return the distance of its heartbeat from now, either way; None without one."""
        try:
            return abs(time.time() - self._heartbeat.stat().st_mtime)
        except FileNotFoundError:
            return None

    def read_log(self) -> str:
        """Return all that it has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def mark_log(self) -> None:
        """Let `read_log_since_mark` begin here."""
        self._mark = self._log.stat().st_size if self._log.exists() else 0

    def read_log_since_mark(self) -> str:
        """Return the output since the mark."""
        with self._log.open("rb") as log:
            log.seek(self._mark)
            return log.read().decode(errors="replace")

    async def start(self) -> None:
        """Start it, unless it runs."""
        if self.is_running:
            return
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("RATEWIRE_")}
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ratewire",
                *self._arguments,
                env={**inherited, "PYTHONUNBUFFERED": "1", **self._env},
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def end(self) -> int:
        """Wait for its end and return its exit code."""
        assert self._process is not None
        async with asyncio.timeout(STOP_TIMEOUT_S):
            return await self._process.wait()

    async def stop(self) -> None:
        """Ask it to stop; kill it if it does not."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        if self._process is not None:
            try:
                await self.end()
            except TimeoutError:
                await self.kill()

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            await self.end()

    def freeze(self) -> None:
        """Keep its connections open and let it do nothing, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running and self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
