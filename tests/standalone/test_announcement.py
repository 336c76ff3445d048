"""The message of the embedded system at start."""

import socket

import pytest

from standalone.announcement import announce


@pytest.mark.servers
def test_a_long_name_of_a_recording_is_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither wrapped at the eightieth column nor taken for markup."""
    label = f"replay {'long-' * 20}name [bold].jsonl"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        announce(listener, label)
        port = listener.getsockname()[1]
    printed = capsys.readouterr().out
    assert f"SIMULATED prices ({label}): no exchange's\n" in printed
    assert f"http://localhost:{port}/graphql\n" in printed
