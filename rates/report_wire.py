"""JSON format of source reports through Redis.

Times are integers in microseconds since the Unix epoch.
"""

from datetime import datetime, timedelta

import msgspec

from rates.clock import format_span_ms, format_us, parse_us
from rates.errors import InvalidInput, MalformedTicker
from rates.health import CallBudgetState, HistoryReport, LinkState, SourceReport
from rates.source import Source
from rates.symbol import parse_symbol


class _BudgetWire(msgspec.Struct, frozen=True, omit_defaults=True):
    limit: int
    remaining: int
    resets_at_us: int
    monthly_limit: int | None = None
    monthly_remaining: int | None = None
    monthly_resets_at_us: int | None = None


class _HistoryWire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    refused_trades: int = 0
    lost_batches: int = 0
    skipped_batches: int = 0
    behind_since_us: int | None = None
    equal_minutes: int = 0
    differing_minutes: int = 0
    filled_minutes: int = 0
    unanswered_minutes: int = 0


class _ReportWire(msgspec.Struct, frozen=True, kw_only=True):
    source: Source
    instance: str
    role: str
    state: LinkState
    reason: str | None
    refused: int
    reconnects: int
    reported_at_us: int
    budget: _BudgetWire | None = None
    silent: list[str] = []
    silent_count: int = 0
    announcement: str | None = None
    cache_error: str | None = None
    clock_skew_ms: int = 0
    history: _HistoryWire | None = None


_encoder = msgspec.json.Encoder()
_report_decoder = msgspec.json.Decoder(_ReportWire)


def encode_report(report: SourceReport) -> bytes:
    """Encode a source report as a JSON object."""
    return _encoder.encode(
        _ReportWire(
            source=report.source,
            instance=report.instance,
            role=report.role,
            state=report.state,
            reason=report.reason,
            refused=report.refused,
            reconnects=report.reconnects,
            reported_at_us=format_us(report.reported_at),
            budget=None if report.budget is None else _budget_wire(report.budget),
            silent=[str(symbol) for symbol in report.silent],
            silent_count=report.silent_count,
            announcement=report.announcement,
            cache_error=report.cache_error,
            clock_skew_ms=format_span_ms(report.clock_skew),
            history=None if report.history is None else _history_wire(report.history),
        )
    )


def decode_report(data: bytes) -> SourceReport:
    """Decode a source report from its JSON object.

    Raises:
        MalformedTicker: not a report in this format.
    """
    try:
        wire = _report_decoder.decode(data)
        return SourceReport(
            source=wire.source,
            instance=wire.instance,
            role=wire.role,
            state=wire.state,
            reason=wire.reason,
            refused=wire.refused,
            reconnects=wire.reconnects,
            reported_at=parse_us(wire.reported_at_us),
            budget=None if wire.budget is None else _budget(wire.budget),
            silent=tuple(parse_symbol(symbol) for symbol in wire.silent),
            silent_count=wire.silent_count,
            announcement=wire.announcement,
            cache_error=wire.cache_error,
            clock_skew=timedelta(milliseconds=wire.clock_skew_ms),
            history=None if wire.history is None else _history(wire.history),
        )
    except (msgspec.MsgspecError, InvalidInput, OverflowError) as exc:
        raise MalformedTicker(f"expected a source report, saw {data[:120]!r}: {exc}") from exc


def _budget_wire(budget: CallBudgetState) -> _BudgetWire:
    return _BudgetWire(
        budget.limit,
        budget.remaining,
        format_us(budget.resets_at),
        budget.monthly_limit,
        budget.monthly_remaining,
        _format_time(budget.monthly_resets_at),
    )


def _budget(wire: _BudgetWire) -> CallBudgetState:
    return CallBudgetState(
        wire.limit,
        wire.remaining,
        parse_us(wire.resets_at_us),
        wire.monthly_limit,
        wire.monthly_remaining,
        _parse_time(wire.monthly_resets_at_us),
    )


def _history_wire(history: HistoryReport) -> _HistoryWire:
    return _HistoryWire(
        refused_trades=history.refused_trades,
        lost_batches=history.lost_batches,
        skipped_batches=history.skipped_batches,
        behind_since_us=_format_time(history.behind_since),
        equal_minutes=history.equal_minutes,
        differing_minutes=history.differing_minutes,
        filled_minutes=history.filled_minutes,
        unanswered_minutes=history.unanswered_minutes,
    )


def _history(wire: _HistoryWire) -> HistoryReport:
    return HistoryReport(
        refused_trades=wire.refused_trades,
        lost_batches=wire.lost_batches,
        skipped_batches=wire.skipped_batches,
        behind_since=_parse_time(wire.behind_since_us),
        equal_minutes=wire.equal_minutes,
        differing_minutes=wire.differing_minutes,
        filled_minutes=wire.filled_minutes,
        unanswered_minutes=wire.unanswered_minutes,
    )


def _format_time(moment: datetime | None) -> int | None:
    return None if moment is None else format_us(moment)


def _parse_time(us: int | None) -> datetime | None:
    return None if us is None else parse_us(us)
