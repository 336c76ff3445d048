"""Encoding and decoding of tasks, and malformed ones."""

import json
from datetime import timedelta

import pytest

from pipeline.task import MAX_INSTRUMENTS_PER_TASK, decode_task, encode_task
from rates.errors import MalformedTask
from rates.source import Source
from tests.json_types import JsonObject
from tests.pipeline.fakes import START, task


def test_a_task_is_decoded_as_it_was_encoded() -> None:
    """To the microsecond."""
    sent = task(issued_at=START + timedelta(microseconds=1))
    assert decode_task(Source.BINANCE, encode_task(sent)) == sent


def test_times_are_integers_of_microseconds() -> None:
    """The field names give the unit."""
    wire = json.loads(encode_task(task()))
    assert wire["deadline_us"] - wire["issued_at_us"] == 4_000_000


@pytest.mark.parametrize(
    "change",
    [
        {"source": "coingecko"},
        {"source": "nobody"},
        {"wanted": []},
        {"wanted": [{"symbol": "btcusdt", "source_symbol": "BTCUSDT"}]},
        {"wanted": [{"symbol": "BTC/USDT", "source_symbol": ""}]},
        {"wanted": [{"symbol": "BTC/USDT"}]},
        {"wanted": [{"symbol": "BTC/USDT", "source_symbol": "BTCUSDT"}] * (MAX_INSTRUMENTS_PER_TASK + 1)},
        {"deadline_us": 0},
        {"deadline_us": 10**30},
        {"deadline_us": "soon"},
        {"issued_at_us": None},
        {"id": 7},
    ],
    ids=str,
)
def test_a_task_with_a_wrong_field_is_malformed(change: JsonObject) -> None:
    """Of another source, empty, too large, or with invalid symbols or times."""
    wire = json.loads(encode_task(task())) | change
    with pytest.raises(MalformedTask):
        decode_task(Source.BINANCE, json.dumps(wire).encode())


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"\xff\xfe", b'{"id":"1"'], ids=repr)
def test_an_unreadable_body_is_malformed(body: bytes) -> None:
    """The error shows what was seen."""
    with pytest.raises(MalformedTask, match="saw"):
        decode_task(Source.BINANCE, body)
