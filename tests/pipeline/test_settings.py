"""Settings from the environment, mistakes included."""

from datetime import timedelta

import pytest

from pipeline.settings import ProducerSettings
from pipeline.sources.coingecko.plan import base_url
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from rates.errors import InvalidSetting
from rates.source import Source
from runtime.settings import load_settings


def test_a_source_may_have_an_interval_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON. The others keep the common one."""
    monkeypatch.setenv("RATEWIRE_PRODUCER_INTERVALS_S", '{"coingecko": 20}')
    settings = load_settings(ProducerSettings)
    assert settings.interval(Source.COINGECKO) == timedelta(seconds=20)
    assert settings.interval(Source.BINANCE) == timedelta(seconds=4)


@pytest.mark.parametrize("value", ["nojson", '{"coingecko": "x"}', '{"nobody": 4}', '{"binance": 0}', "[]"])
def test_a_wrong_interval_names_its_variable(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Instead of a traceback."""
    monkeypatch.setenv("RATEWIRE_PRODUCER_INTERVALS_S", value)
    with pytest.raises(InvalidSetting, match="RATEWIRE_PRODUCER_INTERVALS_S"):
        load_settings(ProducerSettings)


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Env files have lines such as `RATEWIRE_COINGECKO_URL=`."""
    for name in ("URL", "API_KEY", "PLAN", "CALLS_PER_MONTH"):
        monkeypatch.setenv(f"RATEWIRE_COINGECKO_{name}", "")
    settings = load_settings(CoinGeckoSettings)
    assert base_url(settings) == "https://api.coingecko.com/api/v3"
    assert (settings.api_key, settings.calls_per_month) == (None, None)
