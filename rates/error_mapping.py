"""Mapping of errors to the outcome of a RabbitMQ task and to GraphQL error codes."""

from enum import Enum

from rates import errors
from rates.errors import RatesError


class Verdict(Enum):
    """The treatment of a failed task by its consumer."""

    DROP = "acknowledged; the task of the next interval replaces it"
    REQUEUE = "requeued once, so that another consumer can try before the deadline"
    DEAD_LETTER = "rejected into the dead-letter queue, for a person to inspect"


TASK_VERDICTS: dict[type[RatesError], Verdict] = {
    errors.InvalidSymbol: Verdict.DEAD_LETTER,
    errors.InvalidNumber: Verdict.DEAD_LETTER,
    errors.InvalidArgument: Verdict.DEAD_LETTER,
    errors.InvalidCursor: Verdict.DEAD_LETTER,
    errors.UnknownSymbol: Verdict.DROP,
    errors.UnknownAsset: Verdict.DEAD_LETTER,
    errors.NoConversionPath: Verdict.DEAD_LETTER,
    errors.QueryTooExpensive: Verdict.DEAD_LETTER,
    errors.BudgetExhausted: Verdict.DROP,
    errors.TooManyLiveQueries: Verdict.DROP,
    errors.UnknownKey: Verdict.DEAD_LETTER,
    errors.Unauthenticated: Verdict.DEAD_LETTER,
    errors.Forbidden: Verdict.DEAD_LETTER,
    errors.NotListed: Verdict.DROP,
    errors.AmbiguousSymbol: Verdict.DROP,
    errors.RateNotSeen: Verdict.DROP,
    errors.RateStale: Verdict.DROP,
    errors.NotTrading: Verdict.DROP,
    errors.SuspectIdentity: Verdict.DROP,
    errors.SourceDown: Verdict.DROP,
    errors.SourceUnavailable: Verdict.REQUEUE,
    errors.SourceRateLimited: Verdict.DROP,
    errors.SourceBlocked: Verdict.DROP,
    errors.SourceProtocolError: Verdict.DROP,
    errors.SimulationMismatch: Verdict.DROP,
    errors.MalformedTask: Verdict.DEAD_LETTER,
    errors.MalformedTicker: Verdict.DEAD_LETTER,
    errors.MalformedBatch: Verdict.DEAD_LETTER,
    errors.CacheUnavailable: Verdict.REQUEUE,
    errors.QueueUnavailable: Verdict.REQUEUE,
    errors.DatabaseUnavailable: Verdict.REQUEUE,
    errors.AccessUnavailable: Verdict.REQUEUE,
    errors.HistoryUnavailable: Verdict.REQUEUE,
    errors.InvalidSetting: Verdict.REQUEUE,
    errors.MigrationFailed: Verdict.REQUEUE,
    errors.PortInUse: Verdict.REQUEUE,
    errors.InvalidRecording: Verdict.REQUEUE,
}

INTERNAL_ERROR = "INTERNAL_SERVER_ERROR"

GRAPHQL_CODES: dict[type[RatesError], str] = {
    errors.InvalidSymbol: "INVALID_SYMBOL",
    errors.InvalidNumber: "BAD_USER_INPUT",
    errors.InvalidArgument: "BAD_USER_INPUT",
    errors.InvalidCursor: "BAD_USER_INPUT",
    errors.UnknownSymbol: "UNKNOWN_SYMBOL",
    errors.UnknownAsset: "UNKNOWN_ASSET",
    errors.NoConversionPath: "NO_CONVERSION_PATH",
    errors.QueryTooExpensive: "TOO_EXPENSIVE",
    errors.BudgetExhausted: "BUDGET_EXHAUSTED",
    errors.TooManyLiveQueries: "TOO_MANY_SUBSCRIPTIONS",
    errors.UnknownKey: "BAD_USER_INPUT",
    errors.Unauthenticated: "UNAUTHENTICATED",
    errors.Forbidden: "FORBIDDEN",
    errors.NotListed: "UNKNOWN_SYMBOL",
    errors.AmbiguousSymbol: "BAD_USER_INPUT",
    errors.RateNotSeen: "RATE_NOT_SEEN",
    errors.RateStale: "RATE_STALE",
    errors.NotTrading: "NOT_TRADING",
    errors.SuspectIdentity: "SUSPECT_IDENTITY",
    errors.SourceDown: "SOURCE_DOWN",
    errors.SourceUnavailable: "SOURCE_DOWN",
    errors.SourceRateLimited: "SOURCE_DOWN",
    errors.SourceBlocked: "SOURCE_DOWN",
    errors.SourceProtocolError: "SOURCE_DOWN",
    errors.SimulationMismatch: "SOURCE_DOWN",
    errors.MalformedTask: INTERNAL_ERROR,
    errors.MalformedTicker: INTERNAL_ERROR,
    errors.MalformedBatch: INTERNAL_ERROR,
    errors.CacheUnavailable: "SERVICE_UNAVAILABLE",
    errors.QueueUnavailable: "SERVICE_UNAVAILABLE",
    errors.DatabaseUnavailable: "SERVICE_UNAVAILABLE",
    errors.AccessUnavailable: "SERVICE_UNAVAILABLE",
    errors.HistoryUnavailable: "HISTORY_UNAVAILABLE",
    errors.InvalidSetting: INTERNAL_ERROR,
    errors.MigrationFailed: INTERNAL_ERROR,
    errors.PortInUse: INTERNAL_ERROR,
    errors.InvalidRecording: INTERNAL_ERROR,
}
