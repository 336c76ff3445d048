"""The tracked instruments as bytes: what is read is what was written, or nothing."""

import hashlib
from datetime import UTC, datetime

import msgspec
import pytest

from instruments.instrument import Halt, Instrument, Suspicion
from instruments.seed import read_seed
from instruments.snapshot import InvalidSnapshot, decode_snapshot, encode_snapshot
from instruments.store import identified
from rates.source import Source
from rates.symbol import Symbol

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
BTC = identified(Instrument(Source.KRAKEN, Symbol("BTC", "USD"), "BTC/USD", "Bitcoin"))


def test_everything_is_read_as_it_was_written() -> None:
    """Halts, suspicions and confirmations included; assets come from the reviewed table."""
    halted = msgspec.structs.replace(BTC, halt=Halt("cancel_only", NOON))
    suspect = msgspec.structs.replace(
        identified(Instrument(Source.OKX, Symbol("ÜNI", "USDT"), "ÜNI-USDT", 'the "Ü"')),
        suspicion=Suspicion("20 % apart", NOON),
    )
    confirmed = identified(
        Instrument(Source.BYBIT, Symbol("XYZ", "USDT"), "XYZUSDT", "Xyz"), is_confirmed=True
    )
    instruments = (*read_seed(), halted, suspect, confirmed)
    snapshot = decode_snapshot(encode_snapshot(instruments, simulated=False, read_at=NOON), simulated=False)
    assert snapshot.instruments == instruments
    assert snapshot.read_at == NOON


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_and_real_instruments_are_not_mixed(simulated: bool) -> None:
    """Under any key."""
    data = encode_snapshot([BTC], simulated=simulated, read_at=NOON)
    assert decode_snapshot(data, simulated=simulated).instruments == (BTC,)
    with pytest.raises(InvalidSnapshot, match=r"expected (real|simulated) data"):
        decode_snapshot(data, simulated=not simulated)


def test_another_version_is_refused_by_its_number() -> None:
    """Even if its instruments look alike."""
    data = encode_snapshot([BTC], simulated=False, read_at=NOON)
    newer = data.replace(b'"version":1', b'"version":2')
    with pytest.raises(InvalidSnapshot, match="version 2: expected 1"):
        decode_snapshot(newer, simulated=False)


def test_no_damage_is_taken_for_a_snapshot() -> None:
    """A prefix is refused; so is a changed byte, except in the time of the reading."""
    data = encode_snapshot([BTC], simulated=False, read_at=NOON)
    for length in range(len(data)):
        with pytest.raises(InvalidSnapshot):
            decode_snapshot(data[:length], simulated=False)
    for position in range(len(data)):
        damaged = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        try:
            instruments = decode_snapshot(damaged, simulated=False).instruments
        except InvalidSnapshot:
            continue
        assert instruments == (BTC,)


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b"\xff\xfe", b'"text"', b"9" * 10_000])
def test_foreign_bytes_are_refused(data: bytes) -> None:
    """Another program may have used the key."""
    with pytest.raises(InvalidSnapshot):
        decode_snapshot(data, simulated=False)


def test_instruments_of_unknown_sources_are_left_out() -> None:
    """A newer version may have written it. Without any known source it is refused."""
    entries = [
        {"source": source, "symbol": "BTC/USD", "source_symbol": "BTC/USD", "name": "Bitcoin"}
        for source in ("septem", "kraken")
    ]
    assert decode_snapshot(_enclose(entries), simulated=False).instruments == (BTC,)
    with pytest.raises(InvalidSnapshot, match="no instrument"):
        decode_snapshot(_enclose(entries[:1]), simulated=False)


def test_an_impossible_symbol_is_refused() -> None:
    """Although the digest fits."""
    entry = {"source": "kraken", "symbol": "nothing", "source_symbol": "BTC/USD", "name": "Bitcoin"}
    with pytest.raises(InvalidSnapshot, match="cannot be read"):
        decode_snapshot(_enclose([entry]), simulated=False)


def _enclose(entries: object) -> bytes:
    """A snapshot with these entries and their digest."""
    raw = msgspec.json.encode(entries)
    envelope = msgspec.json.decode(encode_snapshot([BTC], simulated=False, read_at=NOON))
    envelope |= {"digest": hashlib.sha256(raw).hexdigest(), "instruments": msgspec.Raw(raw)}
    return msgspec.json.encode(envelope)
