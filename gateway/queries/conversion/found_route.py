"""The route of a conversion at one moment, which serves any amount. Pure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.queries.conversion.conversion import Conversion, Leg
from gateway.queries.conversion.conversions_query import UnavailableConversion
from gateway.queries.conversion.query import ConversionQuery
from gateway.queries.conversion.route_finder import RouteFinder
from gateway.queries.price_basis import price_basis
from gateway.queries.rate import Rate
from gateway.queries.rates_query import FreshnessPolicy, OnStale
from gateway.queries.unavailable import too_old
from rates.errors import RatesError, RateStale, SuspectIdentity


class FoundRoute(msgspec.Struct, frozen=True):
    """The legs at the moment `now`, none from an asset to itself, or the error in their place.

    `finder` knows what they depend on, if they depend on rates.
    """

    now: datetime
    legs: tuple[Leg, ...] = ()
    error: RatesError | None = None
    finder: RouteFinder | None = None

    def at(self, now: datetime) -> "FoundRoute":
        """The same legs at a later moment, before time alone changes them."""
        return msgspec.structs.replace(self, now=now, legs=tuple(_restate(each, now) for each in self.legs))

    def said(self, policy: FreshnessPolicy) -> tuple[object, ...]:
        """Everything that a client with this policy sees of it except for the ages."""
        late = None if policy.on_stale is OnStale.RETURN else _find_late(self.legs, policy)
        if late is not None:
            return RateStale, late.ticker.key
        return _say_error(self.error), tuple(map(_say_leg, self.legs))


def to_conversion(query: ConversionQuery, route: FoundRoute) -> Conversion | None:
    """Convert the amount along the route; `None` with `OnStale.OMIT` if a rate fails the policy.

    Raises:
        RatesError: there is no route; with `OnStale.ERROR`, a rate fails the policy.
    """
    found = answer_with(query, route)
    if isinstance(found, Conversion):
        return found
    if route.error is not None:
        raise route.error
    return None


def answer_with(query: ConversionQuery, route: FoundRoute) -> Conversion | UnavailableConversion:
    """Convert the amount along the route, or say why that cannot be done.

    Raises:
        RateStale: with `OnStale.ERROR`, a rate fails the policy.
    """
    if route.error is not None:
        return UnavailableConversion.of(query, route.error)
    on_stale = query.policy.on_stale
    if on_stale is not OnStale.RETURN and (late := _find_late(route.legs, query.policy)):
        error = too_old(late, query.policy)
        if on_stale is OnStale.ERROR:
            raise error
        return UnavailableConversion.of(query, error)
    return Conversion(query, route.legs)


def _find_late(legs: Sequence[Leg], policy: FreshnessPolicy) -> Rate | None:
    """Return the oldest rate that fails the policy; `None` if all satisfy it."""
    late = [leg.rate for leg in legs if leg.rate and not policy.allows(leg.rate)]
    return max(late, key=lambda rate: rate.age, default=None)


def _restate(leg: Leg, now: datetime) -> Leg:
    if leg.rate is None:
        return leg
    return msgspec.structs.replace(leg, rate=msgspec.structs.replace(leg.rate, now=now))


def _say_leg(leg: Leg) -> tuple[object, ...]:
    rate = leg.rate
    if rate is None:
        return leg.start, leg.end
    return leg.start, leg.end, rate.ticker, price_basis(rate), rate.freshness


def _say_error(error: RatesError | None) -> tuple[object, ...]:
    if isinstance(error, SuspectIdentity):
        # Its message has the time in it.
        return type(error), error.symbol, error.source, error.detail
    return type(error), str(error)
