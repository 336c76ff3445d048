"""Settings come from the environment and errors name the variable."""

from datetime import timedelta

import pytest

from gateway.settings import GatewaySettings
from rates.errors import InvalidSetting
from rates.source import Source
from runtime.settings import load_settings


def test_what_is_left_out_keeps_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time to live for one source leaves the others alone; so does a preference."""
    monkeypatch.setenv("RATEWIRE_GATEWAY_TTL_S", '{"coingecko": 60}')
    monkeypatch.setenv("RATEWIRE_GATEWAY_SOURCE_PREFERENCE", '["coingecko"]')
    settings = load_settings(GatewaySettings)
    assert settings.ttl == {
        source: timedelta(seconds=60 if source is Source.COINGECKO else source.ttl_s) for source in Source
    }
    others = [source for source in Source if source is not Source.COINGECKO]
    assert settings.source_preference == [Source.COINGECKO, *others]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("TTL_S", "10"),
        ("TTL_S", "{"),
        ("TTL_S", '{"binance": 0}'),
        ("TTL_S", '{"nobody": 5}'),
        ("SOURCE_PREFERENCE", '["nobody"]'),
        ("ALLOWED_ORIGINS", '["dash.example"]'),
        ("ALLOWED_ORIGINS", '["https://dash.example/path"]'),
        ("MAX_DEPTH", "0"),
    ],
)
def test_a_bad_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """And says what is expected."""
    monkeypatch.setenv(f"RATEWIRE_GATEWAY_{name}", value)
    with pytest.raises(InvalidSetting) as caught:
        load_settings(GatewaySettings)
    assert caught.value.variable == f"RATEWIRE_GATEWAY_{name}"
