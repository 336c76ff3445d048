"""The sources as the simulator plays them: the real clients, pointed at its addresses."""

from pipeline.sources.binance.parts import binance
from pipeline.sources.binance.settings import BinanceSettings
from pipeline.sources.coingecko.parts import coingecko
from pipeline.sources.coingecko.settings import CoinGeckoSettings
from pipeline.sources.parts import SourceParts
from rates.source import Source
from runtime.settings import load_settings
from simulator.server import Addresses


def simulated_sources(addresses: Addresses) -> dict[Source, SourceParts]:
    """Every source that the simulator speaks for."""
    return {
        Source.BINANCE: binance(
            load_settings(
                BinanceSettings,
                ws_api_url=addresses.binance_ws_api_url,
                stream_url=addresses.binance_stream_url,
            )
        ),
        Source.COINGECKO: coingecko(
            load_settings(CoinGeckoSettings, url=addresses.coingecko_url, plan="keyless", api_key=None)
        ),
    }
