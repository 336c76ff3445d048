"""Watches merged answers about a symbol while one of its sources means another asset by it."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import TypedDict, cast

from drill.graphql import GraphQLFailed, SourceItem, ask, open_client

POLL_INTERVAL_S = 0.2
# The planted asset costs seven times as much; the market moves by far less during a step.
FOREIGN_SHARE = Decimal("0.5")


class ContributionItem(TypedDict):
    """One source of a consensus."""

    source: SourceItem
    exclusion: str | None


class Consensus(TypedDict):
    """A consensus, as the gateway encodes it."""

    price: str | None
    contributions: list[ContributionItem]


class ConversionItem(TypedDict):
    """A conversion of one unit, as the gateway encodes it."""

    result: str


class SourceName(TypedDict):
    """The source of a rate or a missing rate."""

    source: SourceItem


class Unavailable(SourceName):
    """A missing rate, as the gateway encodes it."""

    reason: str


class RateSources(TypedDict):
    """The sources of a list."""

    items: list[SourceName]
    unavailable: list[Unavailable]


class MergedAnswers:
    """Merged answers about `symbol`, of which `source` means another asset.

    No price of that asset may be part of any.
    """

    def __init__(self, url: str, source: str, symbol: str, miss: Callable[[str], None]) -> None:
        self._url, self._source, self._symbol, self._miss = url, source.upper(), symbol, miss
        self._true_price: Decimal | None = None
        self.judged = 0

    async def watch(self) -> None:
        """Judge consensus and conversion until cancelled. The first consensus is the true price."""
        base, _, quote = self._symbol.partition("/")
        consensus = f'{{ consensusRate(symbol: "{self._symbol}") {{ price contributions {{ source {{ code }} exclusion }} }} }}'
        conversion = f'{{ conversion(amount: "1", from: "{base}", to: "{quote}", maxLegs: 1) {{ result }} }}'
        async with open_client(self._url) as client:
            while True:
                found = cast(Consensus, (await ask(client, consensus))["consensusRate"])
                self._judge("consensusRate", found["price"])
                try:
                    converted = cast(ConversionItem | None, (await ask(client, conversion))["conversion"])
                except GraphQLFailed:
                    converted = None  # nothing is known that could be used
                self._judge("conversion", converted and converted["result"])
                await asyncio.sleep(POLL_INTERVAL_S)

    async def check_suspected(self) -> None:
        """Check that the suspicion is visible, and that the source is in no merged answer."""
        question = f"""{{
          consensusRate(symbol: "{self._symbol}") {{ price contributions {{ source {{ code }} exclusion }} }}
          rates(symbols: ["{self._symbol}"]) {{ items {{ source {{ code }} }} unavailable {{ source {{ code }} reason }} }}
        }}"""
        async with open_client(self._url) as client:
            data = await ask(client, question)
        consensus, rates = cast(Consensus, data["consensusRate"]), cast(RateSources, data["rates"])
        exclusions = {each["source"]["code"]: each["exclusion"] for each in consensus["contributions"]}
        if exclusions.get(self._source) != "SUSPECT_IDENTITY":
            self._miss(f"{self._symbol}: {self._source} is in the consensus: {exclusions}")
        if any(each["source"]["code"] == self._source for each in rates["items"]):
            self._miss(f"{self._symbol}: {self._source} is in the list of rates")
        reasons = {each["source"]["code"]: each["reason"] for each in rates["unavailable"]}
        if reasons.get(self._source) != "SUSPECT_IDENTITY":
            self._miss(f"{self._symbol}: {self._source} is not named in unavailable: {reasons}")

    def _judge(self, field: str, text: str | None) -> None:
        if text is None:
            return
        price = Decimal(text)
        self._true_price = self._true_price or price
        self.judged += 1
        if abs(price - self._true_price) > FOREIGN_SHARE * self._true_price:
            self._miss(f"{field} of {self._symbol}: {price} while others say about {self._true_price}")
