"""Settings of the drill: the system's own with shorter times and the exchanges' limits.

CoinGecko is the exception: one call a second with 120 a minute allowed (instead of one every 4 s and 30), in the system and in
the simulator alike.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rates.source import Source
from simulator.assets import SimulatedAsset, read_assets

TTL_S = 4.0
COINGECKO_TTL_S = 6.0  # polled once a second; values change as often and carry whole seconds
CALLS_PER_MINUTE = 120
IDLE_TIMEOUT_S = 3.0
# The soonest a symbol is shown as silent; ten times that while its usual interval is unknown.
SILENT_AFTER_S = 3.0
MAX_SILENT_AFTER_S = 10 * SILENT_AFTER_S
LISTING_INTERVAL_S = 2.0
COINGECKO_LISTING_INTERVAL_S = 4.0
SYMBOLS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LINK", "LTC", "AVAX", "SUI")
# In a busier market, unusual silence is found sooner.
TRADES_PER_SECOND = 4.0


def active_assets() -> Sequence[SimulatedAsset]:
    """All assets; those of the drill trade more often."""
    return [
        replace(asset, trades_per_second=TRADES_PER_SECOND) if asset.symbol in SYMBOLS else asset
        for asset in read_assets()
    ]


def environment() -> Mapping[str, str]:
    """The environment variables for every reader of settings in this process."""
    found = {
        "RATEWIRE_GATEWAY_HOST": "127.0.0.1",
        "RATEWIRE_GATEWAY_PORT": "0",
        "RATEWIRE_GATEWAY_TTL_S": json.dumps(
            {**dict.fromkeys(Source, TTL_S), Source.COINGECKO: COINGECKO_TTL_S}
        ),
        "RATEWIRE_GATEWAY_CATALOG_REFRESH_S": "1",
        "RATEWIRE_GATEWAY_SUSPECT_AFTER_S": "2",
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
        "RATEWIRE_COINGECKO_FIRST_BACKOFF_S": "0.5",
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
