"""The minutes of the history against the trades that the simulator made."""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypedDict, cast

import httpx

from drill.graphql import GraphQLFailed, ask, open_client
from instruments.instrument import Instrument
from rates.source import Source
from simulator.generated.world import GeneratedWorld
from simulator.markets import PublishedKline
from simulator.nanotime import MINUTE, SECOND

# A minute is proved within two seconds, or stored as it is after 35 s.
PROVED_AFTER_S, SETTLED_AFTER_S = 5.0, 45.0
# Of an answer.
PATIENCE_S, ANSWER_TIMEOUT_S = 120.0, 30.0
# Most misses that are worth reading.
KEPT = 10
MINUTES = """
query Minutes($symbol: Symbol!, $source: SourceId!, $from: DateTime!, $to: DateTime!) {
  candles(symbol: $symbol, source: $source, interval: M1, from: $from, to: $to, last: 1000) {
    items { openTime closeTime open high low close volume tradeCount coverage origin }
    gaps { from to }
  }
}
"""


class SeenMinute(TypedDict):
    """A candle of the answer."""

    openTime: str
    closeTime: str
    open: str | None
    high: str | None
    low: str | None
    close: str | None
    volume: str | None
    tradeCount: int | None
    coverage: str
    origin: str


class SeenGap(TypedDict, total=False):
    """A gap of the answer. Its keys are `from` and `to`."""

    to: str


class FaultSpan(TypedDict):
    """The time of a fault, in Unix time."""

    source: str
    fault: str
    began_at: float
    healed_at: float


@dataclass
class MinuteCounts:
    """The minutes that were judged, in all sources."""

    whole: int = 0
    """Known completely, and equal to the truth."""
    filled: int = 0
    """So too, by the source's own candles."""
    marked: int = 0
    """Known in part or not at all, with a gap that says so."""
    excused: int = 0
    """Others than the truth, because a fault changed what the source said, which nothing shows."""
    young: int = 0
    """Not proved yet."""
    misses: list[str] = field(default_factory=list)

    @property
    def judged(self) -> int:
        """All that were judged."""
        return self.whole + self.filled + self.marked + self.excused + len(self.misses)

    def add(self, other: "MinuteCounts") -> None:
        """Add those of another system."""
        self.whole += other.whole
        self.filled += other.filled
        self.marked += other.marked
        self.excused += other.excused
        self.young += other.young
        self.misses += other.misses

    def __str__(self) -> str:
        return (
            f"{self.judged} minutes judged: {self.whole} whole, {self.filled} filled, {self.marked} marked, "
            f"{self.excused} excused, {len(self.misses)} wrong; {self.young} not proved yet"
        )


# Faults that change what a source says of its trades in a way that no reader can know.
LIES = frozenset({"clock", "other-asset", "zero-prices"})
LYING_PARAMETERS = ("mode=price",)
# Without numbers, trades that a live connection leaves out are not known to be missing.
UNNUMBERED = frozenset({"bybit"})
DROPS = frozenset(
    {"silent", "frozen", "dead-channel", "silence", "garbage", "nulls", "missing", "odd-frames", "null-entry"}
)


def is_excused(source: str, window: tuple[float, float], faults: Iterable[FaultSpan]) -> bool:
    """Return whether a fault in this time changed trades without a trace."""
    return any(
        fault["source"] == source
        and fault["began_at"] - SETTLED_AFTER_S < window[1]
        and fault["healed_at"] + SETTLED_AFTER_S > window[0]
        and _leaves_no_trace(source, fault["fault"])
        for fault in faults
    )


def _leaves_no_trace(source: str, step: str) -> bool:
    name = step.split(" ", maxsplit=1)[0].partition("(")[0]
    if name in LIES or any(each in step for each in LYING_PARAMETERS):
        return True
    return source in UNNUMBERED and name in DROPS


def first_minute(started_at: float) -> float:
    """Return the first minute that began after a start, in Unix time."""
    return -(-started_at // 60) * 60


async def judge_minutes(
    url: str,
    world: GeneratedWorld,
    instruments: Collection[Instrument],
    *,
    started_at: float,
    faults: Sequence[FaultSpan],
) -> MinuteCounts:
    """Compare all minutes since the start; wait for the first one if none is over."""
    begin = first_minute(started_at)
    await asyncio.sleep(max(0.0, begin + 60 + PROVED_AFTER_S - time.time()))
    end = (time.time() - PROVED_AFTER_S) // 60 * 60
    counts = MinuteCounts()
    async with open_client(url, timeout_s=ANSWER_TIMEOUT_S) as client:
        for one in instruments:
            if one.source is Source.COINGECKO:
                continue
            variables = {
                "symbol": str(one.symbol),
                "source": one.source.name,
                "from": _format(begin),
                "to": _format(end),
            }
            data = await _ask_patiently(client, variables)
            truth = {each.start_ns: each for each in read_truth(world, one, begin, end)}
            _judge(
                one,
                cast(Sequence[SeenMinute], data["candles"]["items"]),
                cast(Sequence[Mapping[str, str]], data["candles"]["gaps"]),
                truth=truth,
                faults=faults,
                counts=counts,
            )
    return counts


async def _ask_patiently(
    client: httpx.AsyncClient, variables: Mapping[str, object]
) -> Mapping[str, Mapping[str, object]]:
    """Return the answer, however busy the machine is: it may be late, and must not be wrong."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return cast(Mapping[str, Mapping[str, object]], await ask(client, MINUTES, variables))
        except (httpx.TransportError, GraphQLFailed):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(1)


def read_truth(world: GeneratedWorld, one: Instrument, begin: float, end: float) -> list[PublishedKline]:
    """Return the minutes of an instrument as the simulator made them."""
    market = world.binance if one.source is Source.BINANCE else world.venues[one.source.value]
    return market.klines(one.source_symbol, int(begin) * SECOND, int(end) * SECOND)


def _judge(
    one: Instrument,
    minutes: Sequence[SeenMinute],
    gaps: Sequence[Mapping[str, str]],
    *,
    truth: Mapping[int, PublishedKline],
    faults: Sequence[FaultSpan],
    counts: MinuteCounts,
) -> None:
    seen = {int(_parse(each["openTime"])) * SECOND: each for each in minutes}
    for start_ns, expected in truth.items():
        window = start_ns / SECOND, (start_ns + MINUTE) / SECOND
        minute = seen.get(start_ns)
        problem = None if minute is None else find_problem(minute, expected, gaps)
        if minute is None:
            # Before the first trade or proof of the instrument, and after all that is known.
            counts.marked += 1
        elif problem is None:
            if minute["coverage"] in ("PARTIAL", "UNKNOWN"):
                counts.marked += 1
            elif minute["origin"] == "EXCHANGE":
                counts.filled += 1
            else:
                counts.whole += 1
        elif time.time() - window[1] < SETTLED_AFTER_S and minute["coverage"] == "PARTIAL":
            counts.young += 1
        elif is_excused(one.source.value, window, faults):
            counts.excused += 1
        else:
            counts.misses.append(f"{one.source} {one.symbol} {minute['openTime']}: {problem}")


def find_problem(
    minute: SeenMinute, expected: PublishedKline, gaps: Sequence[Mapping[str, str]]
) -> str | None:
    """Return what is wrong with a minute, if anything: it is whole and equal, or marked."""
    if minute["coverage"] in ("PARTIAL", "UNKNOWN"):
        opened, closed = _parse(minute["openTime"]), _parse(minute["closeTime"])
        if any(_parse(gap["from"]) < closed and _parse(gap["to"]) > opened for gap in gaps):
            return None
        return f"{minute['coverage']} without a gap"
    if minute["coverage"] == "NO_TRADES":
        return f"NO_TRADES, but {expected.count} were made" if expected.count else None
    names = ("open", "high", "low", "close", "volume")
    found = [Decimal(cast(str, minute[name])) if minute[name] is not None else None for name in names]  # type: ignore[literal-required]
    values = [expected.open, expected.high, expected.low, expected.close, expected.volume]
    is_counted = minute["tradeCount"] is None or minute["tradeCount"] == expected.count
    if found == values and is_counted:
        return None
    return (
        f"{minute['coverage']} of {minute['origin']}, seen {[str(each) for each in found]} of "
        f"{minute['tradeCount']} trades, made were {[str(each) for each in values]} of {expected.count}"
    )


def _format(seconds: float) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()


def _parse(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
