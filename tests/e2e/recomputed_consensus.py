"""Consensus computed again from raw rates by the rules of docs/consensus.md, in fractions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from itertools import product

from tests.e2e.published import Market, RawRate, suspects
from tests.json_types import Json

ANSWER = (
    "price quality divergenceBps freshness contributions { source { code } included exclusion weight deviationBps usedPrice "
    "rate { observedAt price bid ask quotedAt lastTradeAt } }"
)
FRESHNESS = ("FRESH", "STALE", "EXPIRED")
MILLIONTH = Fraction(1, 10**6)


@dataclass(frozen=True)
class Asked:
    """The arguments of one consensus."""

    symbol: str
    method: str = "MEDIAN"
    min_sources: int = 1
    max_age_ms: int | None = None
    max_deviation_bps: int = 50

    @property
    def field(self) -> str:
        limit = "" if self.max_age_ms is None else f", maxAgeMs: {self.max_age_ms}"
        return (
            f'consensusRate(symbol: "{self.symbol}", method: {self.method}, minSources: {self.min_sources}, '
            f"maxDeviationBps: {self.max_deviation_bps}{limit}) {{ {ANSWER} }}"
        )


@dataclass
class Expected:
    """The consensus as it should be; `reasons` of the sources that are left out."""

    quality: str
    price: Fraction | None = None
    divergence: Fraction | None = None
    freshness: str | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    weights: dict[str, Fraction] = field(default_factory=dict)
    deviations: dict[str, Fraction] = field(default_factory=dict)


def questions(symbol: str, old_ms: int) -> list[Asked]:
    """Every method, of one and of two sources, by TTL and of any age."""
    return [
        Asked(symbol, method, least, age, bps)
        for (method, least, age), bps in zip(
            product(("MEDIAN", "VWAP"), (1, 2), (None, old_ms)), (50, 0, 1000, 50) * 2, strict=True
        )
    ]


def expect(market: Market, asked: Asked) -> Expected:
    """Compute a consensus."""
    rates: dict[str, RawRate] = {}
    reasons: dict[str, str] = {}
    merged = market.merged.get(asked.symbol, frozenset())
    tracked = [each for each in market.sources(asked.symbol) if (each, asked.symbol) in market.tracked]
    for source in market.sources(asked.symbol):
        key = source, asked.symbol
        rate = market.rates.get(key)
        if source not in tracked:
            reasons[source] = "SUSPECT_IDENTITY"
            continue
        limit = None if asked.max_age_ms is None else timedelta(milliseconds=asked.max_age_ms)
        age = None if rate is None else rate.age("observedAt")
        is_late = rate is not None and age is not None and age > (limit or rate.ttl)
        if rate is not None:
            rates[source] = rate
        # Alone and unreviewed, the most preferred source is merged with nothing.
        if source not in merged and (merged or source != tracked[0]) and not is_late:
            reasons[source] = "UNREVIEWED" if None in market.assets[key] else "OTHER_ASSET"
        elif rate is None:
            reasons[source] = "NOT_YET_SEEN"
        elif is_late:
            reasons[source] = "STALE"
    return _weigh(asked, rates, reasons)


def _weigh(asked: Asked, rates: Mapping[str, RawRate], reasons: dict[str, str]) -> Expected:
    def left() -> dict[str, Fraction]:
        return {source: rate.price for source, rate in rates.items() if source not in reasons}

    unreviewed = {source: rate.price for source, rate in rates.items() if reasons.get(source) == "UNREVIEWED"}
    reasons |= dict.fromkeys(suspects(left(), unreviewed), "SUSPECT_IDENTITY")
    reasons |= dict.fromkeys(_outliers(left(), asked.max_deviation_bps), "OUTLIER")
    if asked.method == "VWAP":
        for source in left():
            if not Fraction(rates[source].item["volume24h"] or 0):
                reasons[source] = "NO_VOLUME"
    prices = left()
    if len(prices) < asked.min_sources:
        reasons |= dict.fromkeys(prices, "TOO_FEW_SOURCES")
        return Expected("INSUFFICIENT", reasons=reasons)
    amounts = dict.fromkeys(prices, Fraction(1))
    price = _median(list(prices.values()))
    if asked.method == "VWAP":
        amounts = {source: Fraction(rates[source].item["volume24h"]) for source in prices}
        digits = max(rates[source].counted[1] for source in prices) + 4
        paid = sum((prices[source] * amounts[source] for source in prices), Fraction(0))
        price = Fraction(round(paid / sum(amounts.values()) * 10**digits), 10**digits)
    deviations = {source: 10_000 * (rate.price - price) / price for source, rate in rates.items()}
    divergence = max(abs(deviations[source]) for source in prices)
    agreed = "AGREED" if divergence <= asked.max_deviation_bps else "DIVERGED"
    return Expected(
        "SINGLE_SOURCE" if len(prices) == 1 else agreed,
        price,
        divergence,
        FRESHNESS[max(rates[source].severity for source in prices)],
        reasons,
        _shares(amounts),
        deviations,
    )


def _median(values: Sequence[Fraction]) -> Fraction:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _outliers(prices: Mapping[str, Fraction], tolerance_bps: int) -> set[str]:
    if len(prices) < 4:
        return set()
    middle = _median(list(prices.values()))
    spread = _median([abs(price - middle) for price in prices.values()])
    limit = max(
        Fraction(7, 2) * spread / Fraction("0.6745"), middle * max(10, tolerance_bps) / Fraction(10_000)
    )
    return {source for source, price in prices.items() if abs(price - middle) > limit}


def _shares(amounts: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Millionths that sum to 1: rounded down, the rest to the largest fractions."""
    total = sum(amounts.values(), Fraction(0))
    exact = {source: amount / total * 10**6 for source, amount in amounts.items()}
    whole = {source: int(share) for source, share in exact.items()}
    first = sorted(exact, key=lambda source: whole[source] - exact[source])
    for source in first[: 10**6 - sum(whole.values())]:
        whole[source] += 1
    return {source: Fraction(share, 10**6) for source, share in whole.items()}


def check(asked: Asked, expected: Expected, answer: Json) -> None:
    """Compare an answer with what it should be."""
    found = {each["source"]["code"]: each for each in answer["contributions"]}
    excluded = {source: each["exclusion"] for source, each in found.items() if each["exclusion"]}
    assert excluded == expected.reasons, asked
    assert (answer["quality"], answer["freshness"]) == (expected.quality, expected.freshness), asked
    price = answer["price"]
    assert (None if price is None else Fraction(price)) == expected.price, asked
    weights = {source: Fraction(each["weight"]) for source, each in found.items() if each["included"]}
    assert weights == expected.weights, asked
    assert (answer["divergenceBps"] is None) is (expected.divergence is None), asked
    if expected.divergence is not None:
        assert _is_rounded(answer["divergenceBps"], expected.divergence), asked
        for source, deviation in expected.deviations.items():
            assert _is_rounded(found[source]["deviationBps"], deviation), (asked, source)


def _is_rounded(published: float, exact: Fraction) -> bool:
    # A float of 17 digits may itself be off by its last one.
    return abs(Fraction(repr(published)) - exact) <= MILLIONTH / 2 + abs(exact) * Fraction(1, 10**15)
