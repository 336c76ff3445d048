"""The dependencies that all connection supervisors of one push feed share."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.feeds.connect_throttle import ConnectThrottle
from pipeline.feeds.interval_stats import IntervalStats
from pipeline.feeds.protocol import FeedSpec
from pipeline.feeds.push_connection import PushConnection
from pipeline.health import SourceHealth
from rates.clock import Clock
from rates.ticker import Ticker
from runtime.backoff import Jitter

# Time that a replacement has to deliver every symbol that its predecessor delivers. Quiet symbols take longer, and are subscribed
# long before that.
HANDOVER_S = 15.0

OnTickers = Callable[[Sequence[Ticker]], None]


@dataclass(frozen=True, kw_only=True)
class FeedContext:
    """Shared dependencies.

    `open_connection` creates a connection with a higher number than all before it.
    """

    spec: FeedSpec
    throttle: ConnectThrottle
    open_connection: Callable[[str, IntervalStats], PushConnection]
    on_tickers: OnTickers
    health: SourceHealth
    clock: Clock
    silent_after_s: float
    endpoint_rest_s: float
    handover_s: float = HANDOVER_S
    jitter: Jitter = random.uniform
