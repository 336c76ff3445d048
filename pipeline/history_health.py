"""The figures of the history in one process: refused trades, lost batches, the delay."""

from datetime import datetime

import structlog

from history.trade import Trade
from rates.health import HistoryReport
from rates.source import Source
from rates.symbol import Symbol


class HistoryHealth:
    """Counters of one source. `behind_since`: as in `HistoryReport`."""

    def __init__(self, source: Source) -> None:
        self.refused_trades = self.lost_batches = self.skipped_batches = 0
        self.behind_since: datetime | None = None
        self._log = structlog.get_logger("ratewire.history").bind(source=source.value)

    def record_refused(self, symbol: Symbol, trade: Trade, fault: str) -> None:
        """Count a trade that cannot be true."""
        self.refused_trades += 1
        # Logged at counts of 1, 2, 4, 8 …: the thousandth would only hide other messages.
        if (count := self.refused_trades) & (count - 1) == 0:
            self._log.warning("refused a trade", symbol=str(symbol), trade=trade, fault=fault, count=count)

    def report(self) -> HistoryReport:
        """Return the figures for the gateway."""
        return HistoryReport(
            refused_trades=self.refused_trades,
            lost_batches=self.lost_batches,
            skipped_batches=self.skipped_batches,
            behind_since=self.behind_since,
        )
