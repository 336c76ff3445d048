"""The gateway's enums under their GraphQL names, with every value described."""

from enum import Enum
from typing import Any

import strawberry

from cache.source_rules import SourceState
from gateway.queries.consensus.query import ConsensusMethod
from gateway.queries.consensus.rate import ConsensusQuality, ExclusionReason
from gateway.queries.conversion.conversion import ConversionOperation
from gateway.queries.freshness import Freshness
from gateway.queries.price_basis import PriceBasis
from gateway.queries.rate import UnavailableReason
from gateway.queries.rates_query import OnStale
from gateway.schema.error_code import ErrorCode
from gateway.state.instrument_pages import OrderDirection, OrderField
from gateway.subscriptions.event import EventKind
from history.candle import CandleOrigin, CandleState
from history.coverage import CandleCoverage, GapReason
from history.interval import Interval
from history.source_record import RecordedState
from history.trade import Side
from instruments.listed import TradingStatus
from rates.source import ObservedAtOrigin, Source, SourceKind

MEANINGS: dict[type[Enum], tuple[str, dict[str, str]]] = {
    Source: (
        "The code of a source, for arguments. More sources may follow.",
        {source.name: source.meaning for source in Source},
    ),
    SourceKind: (
        "The origin of the prices of a source. More values may follow.",
        {
            "EXCHANGE": "The source is a market of its own.",
            "AGGREGATOR": "The source combines prices of several markets.",
        },
    ),
    ObservedAtOrigin: (
        "The origin of `observedAt`.",
        {
            "SOURCE": "The time of the event that the source published.",
            "RECEIVED": "The time at which the rate arrived here, less the `Age` of its HTTP response, because the source publishes no time.",
        },
    ),
    Freshness: (
        "The freshness of a rate, by its age since `observedAt`.",
        {
            "FRESH": "The age is at most the TTL of the source.",
            "STALE": "The age is more than the TTL of the source, and at most ten times as much.",
            "EXPIRED": "The age is more than ten times the TTL of the source.",
        },
    ),
    OnStale: (
        "The answer if no rate is as fresh as requested.",
        {
            "RETURN": "The rate that has used the smallest share of its TTL, with its age and freshness.",
            "OMIT": "`null` from a field of one object; an entry in `unavailable` from a list.",
            "ERROR": "An error with the code RATE_STALE, and `ageMs` and `maxAgeMs` in its extensions.",
        },
    ),
    PriceBasis: (
        "The price of a rate that a consensus or conversion uses. More values may follow.",
        {
            "LAST_TRADE": "The price of the last trade.",
            "MID": "The mid of bid and ask, because they are fresh, and the last trade is not between them or is older than the TTL of the "
            "source.",
        },
    ),
    UnavailableReason: (
        "The reason for which a requested symbol has no rate. More values may follow.",
        {
            "UNKNOWN_SYMBOL": "No requested source tracks the symbol.",
            "NOT_YET_SEEN": "The source tracks the symbol but has not published it yet.",
            "STALE": "The rate is older than requested.",
            "NOT_TRADING": "The source has halted or delisted it, according to its listing.",
            "SUSPECT_IDENTITY": "The source may mean another asset by the code, because its price is far from the others. An operator has to confirm or "
            "separate it.",
            "SOURCE_DOWN": "The source has not published it yet, and is down or denies access.",
        },
    ),
    OrderField: (
        "The value to order instruments by. More values may follow.",
        {
            "RELEVANCE": "The match with the `search`; with ASC the best match is first. Ties, and all instruments without a search, are ordered "
            "by market size, the largest first.",
            "SYMBOL": "The symbol: base, then quote.",
            "NAME": "The name of the base asset. Case is ignored.",
            "SOURCE": "The code of the source.",
        },
    ),
    OrderDirection: (
        "The direction of an order.",
        {"ASC": "Ascending: A to Z, the best match first.", "DESC": "Descending: the reverse of ASC."},
    ),
    TradingStatus: (
        "Whether a source trades an instrument. More values may follow.",
        {
            "TRADING": "The source trades it.",
            "HALTED": "The source does not trade it at present, according to its listing: it is halted, delisted, or no longer listed.",
        },
    ),
    EventKind: (
        "The kind of an event of a live list. More values may follow: clients ignore events of an unknown kind.",
        {
            "SNAPSHOT": "All requested items; with `recovered: true`, only those that have changed since `after`.",
            "UPDATE": "The items that have changed since the last event, and those that are no longer available.",
            "HEARTBEAT": "No other event was sent for `maxSilenceMs`. The connection is alive.",
            "GAP": "The gateway cannot tell what has changed since `after`. A SNAPSHOT follows.",
        },
    ),
    ConsensusMethod: (
        "The method that computes one price from the rates of several sources. More values may follow.",
        {
            "MEDIAN": "The median of the prices; the mean of the two middle ones if their number is even. Every source has the same weight.",
            "VWAP": "The mean weighted by the units of base that each source traded in 24 hours. A source without a volume is excluded.",
        },
    ),
    ConsensusQuality: (
        "The agreement of the sources of a consensus. More values may follow.",
        {
            "AGREED": "No included source deviates by more than `maxDeviationBps`.",
            "DIVERGED": "At least one included source deviates by more than `maxDeviationBps`: check the contributions before you use the "
            "price.",
            "SINGLE_SOURCE": "Only one source is included, which `minSources: 1` allows. No other source confirms the price.",
            "INSUFFICIENT": "Fewer than `minSources` sources are usable: there is no price.",
        },
    ),
    ExclusionReason: (
        "The reason for which a source is not part of a consensus. More values may follow.",
        {
            "NOT_TRACKED": "The source was requested but does not track the symbol.",
            "NOT_TRADING": "The source has halted or delisted the symbol.",
            "SUSPECT_IDENTITY": "The source may mean another asset by the code, because its price is far from the others.",
            "UNREVIEWED": "The asset that the source means by the code has not been reviewed, so its rate is never merged with others.",
            "OTHER_ASSET": "The source means another asset by the same code.",
            "NOT_YET_SEEN": "The source tracks the symbol but has not published it yet.",
            "STALE": "The rate is older than requested.",
            "OUTLIER": "The price is too far from the median of four or more sources.",
            "NO_VOLUME": "The source publishes no volume, which VWAP needs.",
            "TOO_FEW_SOURCES": "The rate is usable, but fewer than `minSources` rates are.",
        },
    ),
    ConversionOperation: (
        "The operation of a leg on its price.",
        {
            "MULTIPLY": "From base to quote: the amount times the price.",
            "DIVIDE": "From quote to base: the amount divided by the price.",
        },
    ),
    ErrorCode: (
        "The `code` in the `extensions` of an error. More codes may follow: treat an unknown one like INTERNAL_SERVER_ERROR.",
        {
            "INVALID_SYMBOL": "A symbol that is not BASE/QUOTE in upper case.",
            "UNKNOWN_SYMBOL": "No requested source tracks the symbol.",
            "UNKNOWN_ASSET": "No symbol that a requested source tracks has the asset.",
            "NO_CONVERSION_PATH": "No route of tracked symbols connects the two assets within `maxLegs`.",
            "RATE_NOT_SEEN": "The symbol is tracked, but no requested source has published it yet.",
            "NOT_TRADING": "The source has halted or delisted the symbol.",
            "SUSPECT_IDENTITY": "The source may mean another asset by the same code.",
            "RATE_STALE": "The rate is older than requested, with `onStale: ERROR`.",
            "SOURCE_DOWN": "The source has not published the symbol yet, and is down.",
            "BAD_USER_INPUT": "An invalid argument, variable, id or cursor.",
            "GRAPHQL_PARSE_FAILED": "The document does not parse.",
            "GRAPHQL_VALIDATION_FAILED": "The document does not match the schema, or exceeds a limit.",
            "TOO_EXPENSIVE": "The operation costs more points than allowed. It was not executed.",
            "BUDGET_EXHAUSTED": "Your points are spent for now. The operation was not executed; try again after `retryAfterMs`.",
            "INTROSPECTION_DISABLED": "The operator does not describe the schema.",
            "TOO_MANY_SUBSCRIPTIONS": "Too many subscriptions run on this connection, from this address or on this gateway.",
            "TOO_MANY_SOCKETS": "This address or this gateway has too many connections.",
            "PERSISTED_QUERY_NOT_SUPPORTED": "The request has only the identifier of a document. Send the document in `query`.",
            "PERSISTED_QUERY_NOT_FOUND": "No document has this identifier. Send the document with its hash.",
            "PERSISTED_QUERY_HASH_MISMATCH": "The identifier in the request is not the hash of its document.",
            "UNAUTHENTICATED": "The request has no key where one is needed, or one that does not count; `reason` has the cause.",
            "FORBIDDEN": "The key does not allow this page, or lacks the scope that the operation needs.",
            "TRUSTED_DOCUMENT_REQUIRED": "This gateway executes only documents of its operator, by `documentId`.",
            "ORIGIN_NOT_ALLOWED": "The operator has not allowed the origin of the page.",
            "BAD_REQUEST": "The HTTP request is invalid. Its status and message give the reason.",
            "SERVICE_UNAVAILABLE": "The gateway is starting or stopping, or has not loaded its data yet.",
            "HISTORY_UNAVAILABLE": "This gateway has no history, or cannot read it at present.",
            "INTERNAL_SERVER_ERROR": "An error in the gateway. Its log has the details under `errorId`.",
        },
    ),
    Interval: (
        "The length of a candle. More values may follow.",
        {
            "S1": "A second.",
            "M1": "A minute.",
            "M5": "5 minutes.",
            "M15": "15 minutes.",
            "M30": "30 minutes.",
            "H1": "An hour.",
            "H4": "4 hours, from midnight on.",
            "H12": "12 hours, from midnight on.",
            "D1": "A day of the time zone.",
            "W1": "A week, from Monday on.",
            "MN1": "A month.",
        },
    ),
    CandleOrigin: (
        "The origin of a candle. More values may follow.",
        {
            "TRADES": "The source's trades, folded here.",
            "EXCHANGE": "The source's own candle.",
            "SAMPLES": "Published prices of a source that publishes no trades, without a volume and a number of trades.",
        },
    ),
    CandleState: (
        "Whether the time of a candle is over. More values may follow.",
        {
            "FORMING": "It is not.",
            "CLOSED": "It is.",
            "CORRECTED": "It is, and the candle was another one when it had closed; `revision` counts.",
        },
    ),
    Side: (
        "The side of the order that came to the market and was executed against one of the book.",
        {"BUY": "It bought.", "SELL": "It sold."},
    ),
    CandleCoverage: (
        "How much of a candle's time is known. More values may follow.",
        {
            "COMPLETE": "All of it: every trade is in the candle. Of SAMPLES: no two samples were further apart than the source's default TTL.",
            "PARTIAL": "A part of it. So is every candle that is FORMING, and for a second or two one that has just closed.",
            "NO_TRADES": "All of it, and nothing was traded. Of SAMPLES: no price is dated in it.",
            "UNKNOWN": "Nothing. There may have been trades.",
        },
    ),
    GapReason: (
        "Why trades may be missing. More reasons may follow.",
        {
            "DISCONNECTED": "There was no working connection to the source, or trades were lost on one.",
            "STALLED": "The connection was open but received nothing.",
            "HALTED": "The source did not trade the instrument.",
            "NOT_TRACKED": "The instrument was not tracked.",
            "REFUSED": "The source refused the subscription, or a trade was refused because it cannot be true.",
        },
    ),
    SourceState: (
        "The state of a source, from best to worst. More values may follow.",
        {
            "UP": "Fresh rates arrive.",
            "DEGRADED": "Fresh rates arrive, but there is a problem; see `reason`.",
            "STALLED": "The source responds, but none of its rates is fresh.",
            "RATE_LIMITED": "The source refuses calls for some time, because there were too many.",
            "BLOCKED": "The source denies access because of the key, a ban, a firewall or the country. An operator has to act.",
            "DOWN": "The source cannot be reached, or no process reads it.",
        },
    ),
    RecordedState: (
        "A state of a source in the past. More values may follow.",
        {
            "UP": "Fresh rates arrived.",
            "DEGRADED": "Fresh rates arrived, but there was a problem; see `reason`.",
            "STALLED": "The source responded, but none of its rates was fresh.",
            "RATE_LIMITED": "The source refused calls for some time, because there were too many.",
            "BLOCKED": "The source denied access because of the key, a ban, a firewall or the country.",
            "DOWN": "The source could not be reached, or no process read it.",
            "UNKNOWN": "Nothing was recorded: the recorder did not run, or could not reach the cache.",
        },
    ),
}


NAMES: dict[type[Enum], str] = {
    Source: "SourceId",
    Interval: "CandleInterval",
    OrderField: "InstrumentOrderField",
    RecordedState: "RecordedSourceState",
}
"""Names that differ from that of the Python class."""


def register_enums() -> None:
    """Register the enums with Strawberry, with the descriptions above.

    Raises:
        KeyError: a value without a description.
    """
    for enum, (description, meanings) in MEANINGS.items():
        registered: Any = strawberry.enum(enum, name=NAMES.get(enum), description=description)
        for value in registered.__strawberry_definition__.values:
            value.description = meanings[value.name]


register_enums()
