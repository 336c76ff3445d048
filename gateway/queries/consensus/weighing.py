"""Compute one price from the rates of several sources.

Pure; each rate carries the moment at which it is judged.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from gateway.queries.consensus.arithmetic import (
    EXACT,
    QUOTIENT,
    distance_bps,
    median,
    outlier_limit,
    shares,
    vwap,
)
from gateway.queries.consensus.query import ConsensusMethod, ConsensusQuery
from gateway.queries.consensus.rate import ConsensusQuality, ConsensusRate, Contribution, ExclusionReason
from gateway.queries.identity import find_suspects, format_distance
from gateway.queries.price_basis import merged_price
from gateway.queries.rate import Rate, UnavailableRate, UnavailableReason
from gateway.queries.unavailable import too_old
from rates.errors import RateNotSeen
from rates.source import Source

_CENT = Decimal("0.01")
_EXCLUSIONS = {
    UnavailableReason.NOT_TRADING: ExclusionReason.NOT_TRADING,
    UnavailableReason.SUSPECT_IDENTITY: ExclusionReason.SUSPECT_IDENTITY,
}
_IDENTITY_MESSAGES = {
    ExclusionReason.UNREVIEWED: "the asset that it means by the code has not been reviewed",
    ExclusionReason.OTHER_ASSET: "it means another asset by the code",
}


class SourceRate(NamedTuple):
    """The rate of one source, `None` before its first ticker.

    `gone` gives the reason where the source does not serve the symbol, `identity` why its rate may not be merged.
    `is_confirmed`: an operator has confirmed its identity.
    """

    rate: Rate | None
    gone: UnavailableRate | None = None
    identity: ExclusionReason | None = None
    is_confirmed: bool = False


def weigh(
    query: ConsensusQuery, source_rates: Mapping[Source, SourceRate], now: datetime, *, max_distance: Decimal
) -> ConsensusRate:
    """Compute the consensus of `source_rates`. Each source appears among the contributions.

    `max_distance`: the share of the lower price by which two prices of one asset may differ.
    """
    contributions = [_weigh(query, source, each) for source, each in source_rates.items()]
    contributions = _leave_out_suspects(contributions, source_rates, max_distance)
    contributions = _leave_out_outliers(contributions, query)
    if query.method is ConsensusMethod.VWAP:
        contributions = [_demand_volume(each) for each in contributions]
    rates = [each.rate for each in contributions if each.is_included and each.rate]
    if not rates or len(rates) < query.min_sources:
        contributions = [_withhold(each, len(rates), query) for each in contributions]
        return ConsensusRate(
            query=query,
            contributions=tuple(contributions),
            quality=ConsensusQuality.INSUFFICIENT,
            now=now,
        )
    return _agree(query, contributions, rates, now)


def _agree(
    query: ConsensusQuery, contributions: Sequence[Contribution], rates: Sequence[Rate], now: datetime
) -> ConsensusRate:
    prices = [merged_price(rate) for rate in rates]
    if query.method is ConsensusMethod.VWAP:
        volumes = [rate.ticker.volume_24h or Decimal(0) for rate in rates]
        price, weights = vwap(prices, volumes), shares(volumes)
    else:
        price, weights = median(prices), shares([Decimal(1)] * len(prices))
    divergence = max(distance_bps(each, price).copy_abs() for each in prices)
    left = iter(weights)
    return ConsensusRate(
        query=query,
        contributions=tuple(
            msgspec.structs.replace(
                each,
                weight=next(left) if each.is_included else each.weight,
                deviation_bps=None if each.price is None else distance_bps(each.price, price),
            )
            for each in contributions
        ),
        quality=_classify(len(rates), divergence, query),
        now=now,
        price=price,
        divergence_bps=divergence,
    )


def _classify(count: int, divergence_bps: Decimal, query: ConsensusQuery) -> ConsensusQuality:
    if count == 1:
        return ConsensusQuality.SINGLE_SOURCE
    agreed = divergence_bps <= query.max_deviation_bps
    return ConsensusQuality.AGREED if agreed else ConsensusQuality.DIVERGED


def _weigh(query: ConsensusQuery, source: Source, source_rate: SourceRate) -> Contribution:
    rate = source_rate.rate
    if source_rate.gone is not None:
        exclusion = _EXCLUSIONS.get(source_rate.gone.reason, ExclusionReason.NOT_TRACKED)
        return Contribution(source=source, exclusion=exclusion, message=source_rate.gone.message)
    if source_rate.identity is not None and (rate is None or query.policy.allows(rate)):
        return Contribution(
            source=source,
            rate=rate,
            exclusion=source_rate.identity,
            message=f"{source.name} is not merged: {_IDENTITY_MESSAGES[source_rate.identity]}",
        )
    if rate is None:
        message = str(RateNotSeen(str(query.symbol), source.name, at=query.at))
        return Contribution(source=source, exclusion=ExclusionReason.NOT_YET_SEEN, message=message)
    policy = query.policy
    if policy.allows(rate):
        return Contribution(source=source, rate=rate)
    message = str(too_old(rate, policy))
    return Contribution(source=source, rate=rate, exclusion=ExclusionReason.STALE, message=message)


def _leave_out_suspects(
    contributions: Sequence[Contribution], source_rates: Mapping[Source, SourceRate], max_distance: Decimal
) -> list[Contribution]:
    """Leave out rates that differ by a factor.

    One of them is of another asset, so they make no price together.
    """
    compared = [
        each
        for each in contributions
        if each.price is not None and (each.is_included or each.exclusion is ExclusionReason.UNREVIEWED)
    ]
    reviewed = {each.source: each.price for each in compared if each.is_included and each.price}
    unreviewed = {each.source: each.price for each in compared if not each.is_included and each.price}
    confirmed = {source for source, each in source_rates.items() if each.is_confirmed}
    suspects = find_suspects(reviewed, unreviewed, max_distance) - confirmed
    prices = reviewed | unreviewed
    return [
        _exclude(
            each,
            ExclusionReason.SUSPECT_IDENTITY,
            f"{each.source.name} may mean another asset: {format_distance(prices[each.source], prices.values())}",
        )
        if each.source in suspects
        else each
        for each in contributions
    ]


def _leave_out_outliers(contributions: Sequence[Contribution], query: ConsensusQuery) -> list[Contribution]:
    prices = [each.price for each in contributions if each.is_included and each.price is not None]
    limit = outlier_limit(prices, query.max_deviation_bps)
    if limit is None:
        return list(contributions)
    middle = median(prices)
    return [_judge_distance(each, middle, limit, len(prices)) for each in contributions]


def _judge_distance(each: Contribution, middle: Decimal, limit: Decimal, count: int) -> Contribution:
    price = each.price
    if not each.is_included or price is None:
        return each
    if EXACT.abs(EXACT.subtract(price, middle)) <= limit:
        return each
    seen, expected = (_print_bps(at, middle) for at in (price, EXACT.add(middle, limit)))
    message = f"{seen} bps from the median of {count} sources: expected at most {expected} bps"
    return _exclude(each, ExclusionReason.OUTLIER, message)


def _print_bps(price: Decimal, middle: Decimal) -> str:
    return f"{QUOTIENT.quantize(distance_bps(price, middle).copy_abs(), _CENT):f}"


def _demand_volume(each: Contribution) -> Contribution:
    if not each.is_included or each.rate is None or each.rate.ticker.volume_24h:
        return each
    symbol = each.rate.ticker.symbol
    message = f"{each.source.name} publishes no volume of {symbol} in {symbol.base}: VWAP needs one"
    return _exclude(each, ExclusionReason.NO_VOLUME, message)


def _withhold(each: Contribution, count: int, query: ConsensusQuery) -> Contribution:
    if not each.is_included:
        return each
    message = f"{count} {'source is' if count == 1 else 'sources are'} usable: expected at least {query.min_sources}"
    return _exclude(each, ExclusionReason.TOO_FEW_SOURCES, message)


def _exclude(each: Contribution, reason: ExclusionReason, message: str) -> Contribution:
    return msgspec.structs.replace(each, exclusion=reason, message=message)
