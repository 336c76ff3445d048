"""The gateway's enums under their GraphQL names, with every value described."""

from enum import Enum
from typing import Any

import strawberry

from gateway.queries.consensus.query import ConsensusMethod
from gateway.queries.consensus.rate import ConsensusQuality, ExclusionReason
from gateway.queries.conversion.conversion import ConversionOperation
from gateway.queries.freshness import Freshness
from gateway.queries.price_basis import PriceBasis
from gateway.queries.rate import UnavailableReason
from gateway.queries.rates_query import OnStale
from gateway.queries.source_rules import SourceState
from gateway.schema.error_code import ErrorCode
from gateway.state.instrument_pages import OrderDirection, OrderField
from gateway.subscriptions.event import EventKind
from history.candle import CandleOrigin, CandleState
from history.coverage import CandleCoverage, GapReason
from history.interval import Interval
from instruments.listed import TradingStatus
from rates.source import ObservedAtOrigin, Source, SourceKind

MEANINGS: dict[type[Enum], tuple[str, dict[str, str]]] = {
    Source: (
        "The code of a source, for arguments. More sources may follow.",
        {source.name: source.meaning for source in Source},
    ),
    SourceKind: (
        "The origin of the prices of a source.",
        {
            "EXCHANGE": "Its own market.",
            "AGGREGATOR": "The markets of others, combined.",
        },
    ),
    ObservedAtOrigin: (
        "Whose clock gave `observedAt`.",
        {
            "SOURCE": "The source's own event time.",
            "RECEIVED": "Our arrival time, less the `Age` of an HTTP response, because the source gives none.",
        },
    ),
    Freshness: (
        "What the age of a rate makes it, measured from `observedAt`.",
        {
            "FRESH": "No older than the time to live of its source.",
            "STALE": "Past the time to live.",
            "EXPIRED": "Past ten times the time to live.",
        },
    ),
    OnStale: (
        "What you want where no rate is as fresh as asked.",
        {
            "RETURN": "The rate there is, with its true age and freshness.",
            "OMIT": "`null` from `rate`; from `rates` an entry in `unavailable`.",
            "ERROR": "An error with code RATE_STALE, with `ageMs` and `maxAgeMs`.",
        },
    ),
    PriceBasis: (
        "Which price of a rate a merged answer uses.",
        {
            "LAST_TRADE": "The last trade.",
            "MID": "The middle of bid and ask: the last trade is outside of them, or older than the source's time to live, and they are "
            "fresh.",
        },
    ),
    UnavailableReason: (
        "Why a symbol that was asked for is not answered.",
        {
            "UNKNOWN_SYMBOL": "Well-formed, but tracked from no source asked.",
            "NOT_YET_SEEN": "Tracked, but the source has not published it yet.",
            "STALE": "Older than was asked for.",
            "NOT_TRADING": "Its source has halted or delisted it, by its own listing.",
            "SUSPECT_IDENTITY": "Its source may mean another asset by the same code: its price is far from that of others. An operator has "
            "to decide.",
            "SOURCE_DOWN": "Never seen, and its source is down or blocked.",
        },
    ),
    OrderField: (
        "What to order instruments by.",
        {
            "RELEVANCE": "How well they match the `search`; ASC has the best match first. Ties, and all without a search: the largest "
            "markets first.",
            "SYMBOL": "Base, then quote.",
            "NAME": "Name of the base asset, whatever its case.",
            "SOURCE": "Code of the source.",
        },
    ),
    OrderDirection: (
        "Direction of an order.",
        {"ASC": "Ascending: A to Z, the best match first.", "DESC": "Descending: the reverse of ASC."},
    ),
    TradingStatus: (
        "Whether a source makes new prices of an instrument.",
        {
            "TRADING": "It does.",
            "HALTED": "It does not, by its own listing: halted for a while, delisted, or listed no more.",
        },
    ),
    EventKind: (
        "What an event of a live list is.",
        {
            "SNAPSHOT": "Everything asked for as it stands; with `recovered: true` just what was missed since `after`.",
            "UPDATE": "What has moved since the last event, and what is tracked no more.",
            "HEARTBEAT": "Nothing was sent for `maxSilenceMs`; the connection is alive.",
            "GAP": "Something may have been missed since `after`; a SNAPSHOT follows.",
        },
    ),
    ConsensusMethod: (
        "How one price is made of what several sources say.",
        {
            "MEDIAN": "The middle price; the mean of the two in the middle where their number is even. Every source has one vote.",
            "VWAP": "The mean weighed by the units of base that each source traded in 24 hours. A source without a volume is left out.",
        },
    ),
    ConsensusQuality: (
        "How well a consensus is founded.",
        {
            "AGREED": "No included source is farther from it than `maxDeviationBps`.",
            "DIVERGED": "At least one included source is: look at the contributions before you rely on it.",
            "SINGLE_SOURCE": "Just one source is included, which `minSources: 1` allows: nothing confirms it.",
            "INSUFFICIENT": "Fewer sources than `minSources` are left: there is no price.",
        },
    ),
    ExclusionReason: (
        "Why a source is not in a consensus.",
        {
            "NOT_TRACKED": "You named it, but it does not track the symbol.",
            "NOT_TRADING": "It has halted or delisted the symbol.",
            "SUSPECT_IDENTITY": "It may mean another asset by the same code: its price is far from that of others.",
            "UNREVIEWED": "Nobody has reviewed which asset it means by the code, so it is never merged with others.",
            "OTHER_ASSET": "It means another asset by the same code.",
            "NOT_YET_SEEN": "It tracks the symbol, but has not published it yet.",
            "STALE": "Older than was asked for.",
            "OUTLIER": "Too far from the median of four sources or more.",
            "NO_VOLUME": "It publishes no volume to weigh it by (VWAP).",
            "TOO_FEW_SOURCES": "Usable, but fewer than `minSources` are.",
        },
    ),
    ConversionOperation: (
        "What one leg of a conversion does with its price.",
        {
            "MULTIPLY": "Leads from base to quote: the amount times the price.",
            "DIVIDE": "Leads from quote to base: the amount divided by the price.",
        },
    ),
    ErrorCode: (
        "The `code` in the `extensions` of an error. More codes may follow: treat an unknown one like INTERNAL_SERVER_ERROR.",
        {
            "INVALID_SYMBOL": "Not BASE/QUOTE in upper case.",
            "UNKNOWN_SYMBOL": "No requested source tracks the symbol.",
            "UNKNOWN_ASSET": "No symbol that a requested source tracks has the asset.",
            "NO_CONVERSION_PATH": "No route of tracked symbols connects the two assets within `maxLegs`.",
            "RATE_NOT_SEEN": "Tracked, but no requested source has published it yet.",
            "NOT_TRADING": "Its source has halted or delisted it.",
            "SUSPECT_IDENTITY": "Its source may mean another asset by the same code.",
            "RATE_STALE": "Older than requested, with `onStale: ERROR`.",
            "SOURCE_DOWN": "Never seen, and its source is down.",
            "BAD_USER_INPUT": "An invalid argument, variable, id or cursor.",
            "GRAPHQL_PARSE_FAILED": "The document does not parse.",
            "GRAPHQL_VALIDATION_FAILED": "The document does not match the schema, or exceeds a limit.",
            "TOO_EXPENSIVE": "The operation costs more points than allowed. It was not executed.",
            "TOO_MANY_SUBSCRIPTIONS": "Too many subscriptions run on this connection, from this address or on this gateway.",
            "TOO_MANY_SOCKETS": "This address or this gateway has too many connections.",
            "BAD_REQUEST": "The HTTP request is invalid; its status says why.",
            "SERVICE_UNAVAILABLE": "The gateway is starting or stopping, or has not loaded its data yet.",
            "HISTORY_UNAVAILABLE": "This gateway has no history, or cannot read it at present.",
            "INTERNAL_SERVER_ERROR": "An error in the gateway. Its log has the details under `errorId`.",
        },
    ),
    Interval: (
        "The length of a candle.",
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
        "What a candle was made of.",
        {
            "TRADES": "The source's trades, folded here.",
            "EXCHANGE": "The source's own candle.",
            "SAMPLES": "Sampled prices, without a volume.",
        },
    ),
    CandleState: (
        "Whether the time of a candle is over.",
        {
            "FORMING": "It is not.",
            "CLOSED": "It is.",
            "CORRECTED": "It is, and the candle was another one when it had closed; `revision` counts.",
        },
    ),
    CandleCoverage: (
        "How much of a candle's time is known.",
        {
            "COMPLETE": "All of it: every trade is in the candle.",
            "PARTIAL": "A part of it. So is every candle that is FORMING, and for a second or two one that has just closed.",
            "NO_TRADES": "All of it, and nothing was traded.",
            "UNKNOWN": "Nothing. There may have been trades.",
        },
    ),
    GapReason: (
        "Why trades may be missing. More reasons may follow.",
        {
            "DISCONNECTED": "There was no working connection to the source, or trades were lost on one.",
            "STALLED": "The connection stood open and said nothing.",
            "HALTED": "The source did not trade the instrument.",
            "NOT_TRACKED": "The instrument was not tracked.",
            "REFUSED": "The source refused the subscription, or a trade was refused because it cannot be true.",
        },
    ),
    SourceState: (
        "How a source is doing, from best to worst.",
        {
            "UP": "Its rates arrive fresh.",
            "DEGRADED": "Some rates arrive fresh, but not all is well; see `reason`.",
            "STALLED": "It answers, but nothing of it is fresh.",
            "RATE_LIMITED": "It refuses calls for a while because of too many.",
            "BLOCKED": "It refuses us: key, ban, firewall or country. A person must look at it.",
            "DOWN": "It cannot be reached, or no process asks it.",
        },
    ),
}


NAMES: dict[type[Enum], str] = {
    Source: "SourceId",
    Interval: "CandleInterval",
    OrderField: "InstrumentOrderField",
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
