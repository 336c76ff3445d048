"""All sources, one line each, configured from the environment."""

from collections.abc import Callable

from pipeline.sources.binance.parts import binance
from pipeline.sources.binance.settings import BinanceSettings
from pipeline.sources.coingecko.parts import coingecko
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from pipeline.sources.parts import SourceParts
from rates.source import Source
from runtime.settings import load_settings

SOURCES: dict[Source, Callable[[], SourceParts]] = {
    Source.BINANCE: lambda: binance(load_settings(BinanceSettings)),
    Source.COINGECKO: lambda: coingecko(load_settings(CoinGeckoSettings)),
}
