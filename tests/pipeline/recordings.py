"""Real recordings beside the project. The README there has their origins."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.json_types import JsonObject

SOURCE_MODULE = Path(__file__).resolve().parents[3] / "shared" / "recordings"


def recorded(name: str) -> Path:
    """Return the path of a recording, or skip the test if it is absent."""
    path = SOURCE_MODULE / name
    if not path.exists():
        pytest.skip(f"the recording {name} is not beside the project, in ../shared/recordings")
    return path


def read_frames(name: str) -> Iterator[bytes]:
    """Read the frames of a recorded Binance stream connection, verbatim."""
    with gzip.open(recorded(name)) as lines:
        for line in lines:
            _, _, frame = line.rstrip().partition(b" ")
            if b'"stream"' in frame:
                yield frame


def read_messages(name: str) -> Iterator[tuple[float, bytes]]:
    """Read the frames of a cryptofeed recording, verbatim, with their arrival in Unix seconds."""
    with gzip.open(recorded(name)) as lines:
        for line in lines:
            moment, colon, frame = line.rstrip().partition(b": ")
            # What the client sent and where it connected stand in lines of their own.
            if colon and b" " not in moment:
                yield float(moment), frame


def read_exchanges(name: str) -> Iterator[JsonObject]:
    """Read recorded HTTP exchanges, one object each."""
    with gzip.open(recorded(name)) as lines:
        yield from map(json.loads, lines)
