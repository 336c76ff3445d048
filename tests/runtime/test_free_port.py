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
