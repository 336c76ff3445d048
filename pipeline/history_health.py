"""The figures of the history in one process: refused trades, lost batches, the delay."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import structlog

from history.kline_check import KlineVerdict, MinuteCheck
from history.trade import Trade
from rates.health import HistoryReport
from rates.source import Source
from rates.symbol import Symbol


class HistoryHealth:
    """Counters of one source. `behind_since`: as in `HistoryReport`."""

    def __init__(self, source: Source) -> None:
        self.refused_trades = self.lost_batches = self.skipped_batches = 0
        self.behind_since: datetime | None = None
        self._verdicts: Counter[KlineVerdict] = Counter()
        self._log = structlog.get_logger("ratewire.history").bind(source=source.value)

    def record_refused(self, symbol: Symbol, trade: Trade, fault: str) -> None:
        """Count a trade that cannot be true."""
        self.refused_trades += 1
        # Logged at counts of 1, 2, 4, 8 …: the thousandth would only hide other messages.
        if (count := self.refused_trades) & (count - 1) == 0:
            self._log.warning("refused a trade", symbol=str(symbol), trade=trade, fault=fault, count=count)

    def record_checks(self, checks: Iterable[MinuteCheck]) -> None:
        """Count the verdicts of the source's candles. Minutes that were filled before count once."""
        self._verdicts.update(
            one.verdict for one in checks if one.fills or one.verdict is not KlineVerdict.FILLED
        )

    def report(self) -> HistoryReport:
        """Return the figures for the gateway."""
        return HistoryReport(
            refused_trades=self.refused_trades,
            lost_batches=self.lost_batches,
            skipped_batches=self.skipped_batches,
            behind_since=self.behind_since,
            equal_minutes=self._verdicts[KlineVerdict.EQUAL],
            differing_minutes=self._verdicts[KlineVerdict.DIFFERS],
            filled_minutes=self._verdicts[KlineVerdict.FILLED],
            unanswered_minutes=self._verdicts[KlineVerdict.NOT_CHECKED],
        )
