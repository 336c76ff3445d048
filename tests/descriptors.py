"""Takes file descriptors away from running processes."""

import resource
from pathlib import Path


def limit_descriptors(pid: int, spare: int) -> None:
    """Let a process open only so many files beside those that it has open."""
    highest = max(int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir())
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1 + spare, hard))


def take_descriptors(pid: int) -> None:
    """Let a process open nothing more, not even what it closes now."""
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))


def return_descriptors(pid: int) -> None:
    """Raise the limit of a process again."""
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
