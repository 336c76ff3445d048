"""The key of the API that a client command sends, from the environment or a file.

Never from an argument: everybody on the machine can list those of a process.
"""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

KEY_VARIABLE = "RATEWIRE_KEY"
# Longer than any token that a gateway accepts.
MAX_KEY_BYTES = 64 * 1024
# What a header field may have; a key of the API and a JSON Web Token consist of less.
_KEY = re.compile(rb"[!-~]+")

ReadKey = Callable[[], str | None]
"""Returns the key to send, `None` for none."""

KeyFileOption = Annotated[
    Path | None,
    typer.Option("--key-file", help=f"A file with the key of the API; default: the key in {KEY_VARIABLE}."),
]

_EXPLANATIONS = {
    "UNAUTHENTICATED": "the gateway does not accept the key",
    "FORBIDDEN": "the key does not allow this",
    "BUDGET_EXHAUSTED": "the budget is spent for now",
}


def open_key(file: Path | None) -> ReadKey:
    """Return a function that reads the key from a file, or from the environment.

    The file is read each time, because the key may be rotated; if it has no key then, the last one counts.

    Raises:
        typer.BadParameter: there is no key in the file or the variable. The message shows nothing of either: a key may be given
            in place of its file.
    """
    if file is None:
        key = _check_key(os.environ.get(KEY_VARIABLE, "").encode(errors="replace"), KEY_VARIABLE)
        return lambda: key
    last = _read_file(file)

    def read() -> str | None:
        nonlocal last
        # A pipe has the key once.
        if file.is_file():
            with suppress(typer.BadParameter):
                last = _read_file(file)
        return last

    return read


def _read_file(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_KEY_BYTES + 1)
    except OSError as exc:
        raise typer.BadParameter(f"--key-file: {exc.strerror}: expected a file with a key") from exc
    key = _check_key(content, "--key-file")
    if key is None:
        raise typer.BadParameter("--key-file: the file is empty: expected a key")
    return key


def _check_key(content: bytes, place: str) -> str | None:
    """Return the key without the space around it; `None` if there is nothing else."""
    key = content.strip()
    if key and (len(key) > MAX_KEY_BYTES or not _KEY.fullmatch(key)):
        raise typer.BadParameter(f"{place}: the text cannot be a key: expected one word of ASCII characters")
    return key.decode() or None


def explain_denial(error: Mapping[str, Any], *, has_key: bool) -> str | None:
    """Return in plain words what is wrong with a key or its budget; `None` for other errors."""
    code: Any = (error.get("extensions") or {}).get("code")
    if code == "UNAUTHENTICATED" and not has_key:
        return f"the gateway demands a key: expected one in {KEY_VARIABLE}, or in a file with --key-file"
    explanation = _EXPLANATIONS.get(code)
    return None if explanation is None else f"{explanation}: {error.get('message')} ({code})"
