"""Raw rates of a gateway with their assets, read for the recomputation of merged answers.

Shares no code with the product: rules from docs/consensus.md and docs/symbols.md, assets from the reviewed tables.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from tests.e2e.processes import ROOT
from tests.json_types import Json

FIELDS = "symbol source { code } price bid ask quotedAt lastTradeAt ttlMs ageMs observedAt volume24h"
LIST = f"rates {{ items {{ {FIELDS} }} unavailable {{ symbol source {{ code }} reason }} }}"
MAX_DISTANCE = Fraction(20, 100)
TABLES = ROOT / "instruments" / "identity"

Pair = tuple[str, str]
Key = tuple[str, str]
"""A source and a symbol."""


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def decimals(text: str) -> int:
    """The digits after the point."""
    return len(text.partition(".")[2])


@dataclass(frozen=True)
class RawRate:
    """One item of `rates` at the moment `now`."""

    item: Json
    now: datetime

    @property
    def key(self) -> Key:
        return self.item["source"]["code"], self.item["symbol"]

    def age(self, field: str) -> timedelta | None:
        text = self.item[field]
        return None if text is None else max(timedelta(), self.now - moment(text))

    @property
    def ttl(self) -> timedelta:
        return timedelta(milliseconds=self.item["ttlMs"])

    @property
    def used(self) -> Fraction:
        """The share of the TTL that has passed."""
        age = self.age("observedAt")
        assert age is not None
        return Fraction(age / timedelta(microseconds=1)) / Fraction(self.ttl / timedelta(microseconds=1))

    @property
    def severity(self) -> int:
        """FRESH up to the TTL, STALE up to ten times it, EXPIRED beyond."""
        return (self.used > 1) + (self.used > 10)

    @property
    def last(self) -> Fraction:
        return Fraction(self.item["price"])

    @cached_property
    def counted(self) -> tuple[Fraction, int]:
        """The price that counts, and its digits after the point: the last trade, or the mid."""
        item, last = self.item, (self.last, decimals(self.item["price"]))
        if None in (item["bid"], item["ask"], item["quotedAt"]):
            return last
        bid, ask = Fraction(item["bid"]), Fraction(item["ask"])
        quoted, traded = self.age("quotedAt"), self.age("lastTradeAt")
        assert quoted is not None
        is_left_behind = not bid <= self.last <= ask or (traded is not None and traded > self.ttl)
        if bid > ask or quoted > self.ttl or not is_left_behind:
            return last
        digits = max(decimals(item["bid"]), decimals(item["ask"]))
        middle = (bid + ask) / 2
        return middle, digits if (middle * 10**digits).denominator == 1 else digits + 1

    @property
    def price(self) -> Fraction:
        return self.counted[0]


class Assets:
    """The reviewed tables: which asset a source means by a code, and which code an asset owns."""

    def __init__(self, folder: Path = TABLES) -> None:
        self.owner = {row["code"]: row["asset_id"] for row in _rows(folder / "assets.csv")}
        self.meant = {
            path.stem.upper(): {row["code"]: row["asset_id"] for row in _rows(path)}
            for path in folder.glob("*.csv")
            if path.stem != "assets"
        }

    def of(self, instrument: Json) -> tuple[str | None, str | None]:
        """The assets of base and quote; `None` where nobody has reviewed that."""
        source, spelt = str(instrument["source"]["code"]), str(instrument["sourceSymbol"])
        base, quote = str(instrument["symbol"]).split("/")
        if source == "COINGECKO":
            return spelt, self.owner.get(quote)
        codes = next((spelt.split(mark) for mark in "-/" if mark in spelt), None)
        if codes is None and spelt.endswith(quote):
            codes = [spelt[: -len(quote)], quote]
        theirs = (None, None) if codes is None else (codes[0], codes[1])
        return self._of_code(source, base, theirs[0]), self._of_code(source, quote, theirs[1])

    def _of_code(self, source: str, ours: str, theirs: str | None) -> str | None:
        owner, table = self.owner.get(ours), self.meant.get(source, {})
        if theirs is None:
            return owner if owner in table.values() else None
        return owner if owner is not None and table.get(theirs) == owner else None


class Market:
    """All that `rates`, `sources` and `instruments` say, with the identity of each instrument."""

    def __init__(self, instruments: Sequence[Json], listed: Json, order: Sequence[str]) -> None:
        self.order = list(order)
        ends = [
            moment(each["observedAt"]) + timedelta(milliseconds=each["ageMs"]) for each in listed["items"]
        ]
        # An age is rounded up, and zero where the source's clock is ahead.
        self.now = min(ends)
        self.rates = {rate.key: rate for rate in (RawRate(each, self.now) for each in listed["items"])}
        self.suspended = {
            (each["source"]["code"], each["symbol"])
            for each in listed["unavailable"]
            if each["source"] and each["reason"] in ("SUSPECT_IDENTITY", "NOT_TRADING")
        }
        table = Assets()
        self.assets = {(each["source"]["code"], each["symbol"]): table.of(each) for each in instruments}
        self.tracked = {key for key in self.assets if key not in self.suspended}
        self.owner = table.owner

    def sources(self, symbol: str) -> list[str]:
        """The sources that track the symbol, most preferred first."""
        return [source for source in self.order if (source, symbol) in self.assets]

    @cached_property
    def merged(self) -> Mapping[str, frozenset[str]]:
        """By symbol, the sources that mean the same reviewed assets: the owner's, else the most."""
        found: dict[str, dict[tuple[str | None, str | None], set[str]]] = {}
        for source, symbol in self.tracked:
            assets = self.assets[source, symbol]
            if None not in assets:
                found.setdefault(symbol, {}).setdefault(assets, set()).add(source)

        def rank(symbol: str, assets: tuple[str | None, str | None]) -> tuple[bool, int]:
            return self.owner.get(symbol.split("/", maxsplit=1)[0]) == assets[0], len(found[symbol][assets])

        return {
            symbol: frozenset(groups[max(groups, key=lambda assets: rank(symbol, assets))])
            for symbol, groups in found.items()
        }


def is_apart(one: Fraction, other: Fraction) -> bool:
    return abs(one - other) > MAX_DISTANCE * min(one, other)


def suspects(reviewed: Mapping[str, Fraction], unreviewed: Mapping[str, Fraction]) -> set[str]:
    """The sources that may mean another asset: far from a majority, or all that differ.

    An unreviewed price makes no reviewed one suspect.
    """
    if not reviewed:
        return _apart(unreviewed)
    far = {
        source
        for source, price in unreviewed.items()
        if any(is_apart(price, other) for other in reviewed.values())
    }
    return _apart(reviewed) | far


def _apart(prices: Mapping[str, Fraction]) -> set[str]:
    near = {
        source: {other for other in prices if not is_apart(price, prices[other])}
        for source, price in prices.items()
    }
    majority = max(near.values(), key=len, default=set[str]())
    if 2 * len(majority) > len(prices):
        return set(prices) - majority
    return {source for source, others in near.items() if len(others) < len(prices)}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
