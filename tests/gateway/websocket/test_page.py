"""`docs/websocket.md` is true."""

import re
from pathlib import Path

import pytest

from gateway.settings import GatewaySettings
from gateway.websocket import protocol, subprotocol

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "websocket.md").read_text()
CODES = {
    value
    for module in (subprotocol, protocol)
    for name, value in vars(module).items()
    if name.isupper()
    and isinstance(value, int)
    and 1000 <= value < 5000
    and "BYTES" not in name
    and name != "KIB"
}


def test_every_close_code_is_on_the_page() -> None:
    """And no other, but those of the libraries below: 1002, 1009 and 1012."""
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert listed == CODES | {1002, 1009, 1012}


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("max_body_bytes", "more than {:,} bytes"),
        ("init_timeout_s", "within {:g} seconds"),
        ("stall_timeout_s", "nothing was read for {:g} seconds"),
        ("ws_ping_interval_s", "every {:g} seconds"),
        ("max_subscriptions", "up to {:,} at once"),
    ],
)
def test_its_figures_are_the_defaults(setting: str, words: str) -> None:
    """As the settings have them."""
    assert words.format(GatewaySettings.model_fields[setting].default) in PAGE
