"""Ports for servers: outside of those that outgoing connections get."""

from pathlib import Path

import pytest

from runtime import free_port as module
from runtime.free_port import free_port


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ports that were tried. The first three are taken."""
    ports: list[int] = []

    def bind(port: int) -> int:
        ports.append(port)
        if len(ports) <= 3:
            raise OSError("taken")
        return port or 50_000

    monkeypatch.setattr(module, "_bind", bind)
    return ports


def test_a_free_port_is_below_those_of_outgoing_connections(
    tried: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another one is tried while a port is taken."""
    (tmp_path / "range").write_text("15003\t60999\n")
    monkeypatch.setattr(module, "_EPHEMERAL", tmp_path / "range")
    assert 15_000 <= free_port() <= 15_002
    assert len(tried) == 4


def test_where_all_ports_may_be_taken_the_system_chooses(
    tried: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A small number in the settings of the kernel leaves no others."""
    (tmp_path / "range").write_text("1024\t65535\n")
    monkeypatch.setattr(module, "_EPHEMERAL", tmp_path / "range")
    tried += [0, 0, 0]
    assert free_port() == 50_000


def test_without_settings_of_the_kernel_there_are_ports(
    tried: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Other systems have none to read."""
    monkeypatch.setattr(module, "_EPHEMERAL", tmp_path / "missing")
    assert 15_000 <= free_port() < 49_152


def test_a_port_is_not_given_twice_before_the_others_were(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It looks free until a server listens, which may take a while."""
    monkeypatch.setattr(module, "_EPHEMERAL", tmp_path / "missing")
    monkeypatch.setattr(module, "_bind", lambda port: port)
    assert len({free_port() for _ in range(1_000)}) == 1_000


def test_processes_side_by_side_take_ports_of_different_parts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Their process ids differ by less than the number of parts."""
    monkeypatch.setattr(module, "_EPHEMERAL", tmp_path / "missing")
    parts = [set(module._ports_of(process_id)) for process_id in range(1_000, 1_016)]
    assert all(len(part) > 1_000 for part in parts)
    assert sum(map(len, parts)) == len(set().union(*parts))
