"""The settings under which the drill runs: the system's own, with shorter times. Limits are the exchanges'.

CoinGecko is the exception: a call a second instead of one each four, with 120 a minute allowed instead of 30, in the system
and in the simulator alike.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rates.source import Source
from simulator.assets import SimulatedAsset, read_assets

TTL_S = 4.0
COINGECKO_TTL_S = (
    6.0  # it is asked once a second for values that change as often, and says times in whole seconds
)
CALLS_PER_MINUTE = 120
IDLE_TIMEOUT_S = 3.0
# A symbol is shown as silent after this at the soonest, and as long as nobody knows what is usual for it after ten times that.
SILENT_AFTER_S = 3.0
SILENT_AT_THE_LATEST_S = 10 * SILENT_AFTER_S
LISTING_INTERVAL_S = 2.0
COINGECKO_LISTING_INTERVAL_S = 4.0
SYMBOLS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LINK", "LTC", "AVAX", "SUI")
# What is unusual silence depends on what is usual: in a livelier market a silent symbol is found sooner.
TRADES_PER_SECOND = 4.0


def active_assets() -> Sequence[SimulatedAsset]:
    """All assets, those of the drill trading more often."""
    return [
        replace(asset, trades_per_second=TRADES_PER_SECOND) if asset.symbol in SYMBOLS else asset
        for asset in read_assets()
    ]


def environment() -> Mapping[str, str]:
    """Variables for everything that reads settings in this process."""
    found = {
        "RATEWIRE_GATEWAY_HOST": "127.0.0.1",
        "RATEWIRE_GATEWAY_PORT": "0",
        "RATEWIRE_GATEWAY_TTL_S": json.dumps(
            {**dict.fromkeys(Source, TTL_S), Source.COINGECKO: COINGECKO_TTL_S}
        ),
        "RATEWIRE_GATEWAY_CATALOG_REFRESH_S": "1",
        "RATEWIRE_PRODUCER_INTERVAL_S": "1",
        "RATEWIRE_PRODUCER_REFRESH_S": "1",
        "RATEWIRE_STREAM_REFRESH_S": "1",
        "RATEWIRE_STREAM_SILENT_AFTER_S": str(SILENT_AFTER_S),
        "RATEWIRE_STREAM_ENDPOINT_REST_S": "2",
        "RATEWIRE_LISTINGS_INTERVAL_S": str(LISTING_INTERVAL_S),
        "RATEWIRE_LISTINGS_INTERVALS_S": json.dumps({Source.COINGECKO: COINGECKO_LISTING_INTERVAL_S}),
        "RATEWIRE_COINGECKO_CALLS_PER_MINUTE": str(CALLS_PER_MINUTE),
        "RATEWIRE_COINGECKO_TIMEOUT_S": "2",
        "RATEWIRE_COINGECKO_JITTER_S": "0.1",
        "RATEWIRE_SIMULATOR_COINGECKO_CALLS_PER_MINUTE": str(CALLS_PER_MINUTE),
        "RATEWIRE_SIMULATOR_COINGECKO_REFRESH_SECONDS": "1",
    }
    for source in Source:
        prefix = f"RATEWIRE_{source.value.upper()}_"
        found |= {
            prefix + "CONNECT_TIMEOUT_S": "2",
            prefix + "REQUEST_TIMEOUT_S": "1",
            prefix + "IDLE_TIMEOUT_S": str(IDLE_TIMEOUT_S),
            prefix + "FIRST_MESSAGE_TIMEOUT_S": "5",
            prefix + "LONGEST_WAIT_S": "1",
        }
    return found
