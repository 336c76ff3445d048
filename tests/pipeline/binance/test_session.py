"""The WebSocket API session against a real socket server: matching, waiting, reconnecting, obeying."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection

from pipeline.health import SourceHealth
from pipeline.hold.memory_hold import MemoryHold
from pipeline.ports import Hold
from pipeline.sources.binance.fetcher import UNLISTED_FOR, BinanceFetcher
from pipeline.sources.binance.messages import ApiAnswer
from pipeline.sources.binance.session import BinanceSession, open_session
from pipeline.sources.binance.settings import BinanceSettings
from pipeline.task import Wanted
from pipeline.validation import Refusal
from rates.clock import Clock, format_us, parse_ms, utc_now
from rates.errors import (
    SimulationMismatch,
    SourceBlocked,
    SourceProtocolError,
    SourceRateLimited,
    SourceUnavailable,
)
from rates.health import LinkState
from rates.symbol import parse_symbol
from tests.pipeline.binance.exchange import (
    Exchange,
    Question,
    answering,
    entry,
    open_exchange,
    refusal,
    silence,
    tickers,
    weight,
)
from tests.pipeline.fakes import START, FakeClock, health, until

ASKED = {"symbols": ["BTCUSDT"]}


@asynccontextmanager
async def session_with(
    exchange: Exchange,
    seen: SourceHealth | None = None,
    *,
    timeout_s: float = 5.0,
    simulated: bool = False,
    clock: Clock = utc_now,
    hold: Hold | None = None,
) -> AsyncIterator[BinanceSession]:
    settings = BinanceSettings(ws_api_url=exchange.url, request_timeout_s=timeout_s, longest_wait_s=0.05)
    async with (
        asyncio.timeout(20),
        open_session(
            settings, seen or health(), hold or MemoryHold(clock), simulated=simulated, clock=clock
        ) as session,
    ):
        yield session


def symbol_of(answer: ApiAnswer) -> str:
    return str(msgspec.json.decode(answer.result)[0]["symbol"])


def ms(moment_us: int) -> int:
    return moment_us // 1000


async def test_answers_are_matched_by_id_not_by_order() -> None:
    """Three questions at once, answered backwards: each gets its own."""

    async def backwards(connection: ServerConnection) -> None:
        questions = [json.loads(await connection.recv()) for _ in range(3)]
        for question in reversed(questions):
            await connection.send(json.dumps({"id": question["id"], **tickers(question)}))
        await silence(connection)

    symbols = ["AAA", "BBB", "CCC"]
    async with open_exchange(backwards) as exchange, session_with(exchange) as session:
        answers = await asyncio.gather(
            *(session.request("ticker.24hr", {"symbols": [symbol]}) for symbol in symbols)
        )
        assert [symbol_of(answer) for answer in answers] == symbols
        assert exchange.connections == 1


async def test_answers_to_nobody_are_passed_over() -> None:
    """Unknown ids, textual ids and repeated answers change nothing for who waits."""

    async def confused(connection: ServerConnection) -> None:
        async for frame in connection:
            question = json.loads(frame)
            for number in (question["id"] + 1000, str(question["id"]), None):
                await connection.send(json.dumps({"id": number, "status": 200, "result": [entry("WRONG")]}))
            for _ in range(2):
                await connection.send(json.dumps({"id": question["id"], **tickers(question)}))

    async with open_exchange(confused) as exchange, session_with(exchange) as session:
        for _ in range(3):
            assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"
        assert exchange.connections == 1


async def test_a_late_answer_is_not_taken_for_that_of_a_later_question() -> None:
    """The first question times out; its answer comes while the second one waits."""

    async def late(connection: ServerConnection) -> None:
        first, second = json.loads(await connection.recv()), json.loads(await connection.recv())
        await connection.send(json.dumps({"id": first["id"], "status": 200, "result": [entry("LATE")]}))
        await connection.send(json.dumps({"id": second["id"], **tickers(second)}))
        await silence(connection)

    async with open_exchange(late) as exchange, session_with(exchange, timeout_s=0.5) as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await session.request("ticker.24hr", ASKED)
        assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"


async def test_a_half_open_connection_is_replaced() -> None:
    """No answer at all within the timeout: the socket looks alive and is not."""
    asked = 0

    async def dead_at_first(connection: ServerConnection) -> None:
        nonlocal asked
        asked += 1
        await (silence(connection) if asked == 1 else answering(tickers)(connection))

    seen = health()
    async with (
        open_exchange(dead_at_first) as exchange,
        session_with(exchange, seen, timeout_s=0.3) as session,
    ):
        with pytest.raises(SourceUnavailable, match="no answer"):
            await session.request("ticker.24hr", ASKED)
        assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"
        assert exchange.connections == 2
        assert seen.reconnects == 1


async def test_whoever_waits_learns_at_once_that_the_connection_is_gone() -> None:
    """Not only when the timeout is over."""

    async def hang_up(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.close(1001, "maintenance")

    async with open_exchange(hang_up) as exchange, session_with(exchange, timeout_s=15) as session:
        with pytest.raises(SourceUnavailable):
            await session.request("ticker.24hr", ASKED)


async def test_it_reconnects_after_a_clean_close() -> None:
    """Code 1000 as at the 24 h cut: the next question goes over a new connection."""

    async def one_each(connection: ServerConnection) -> None:
        question = json.loads(await connection.recv())
        await connection.send(json.dumps({"id": question["id"], **tickers(question)}))

    async with open_exchange(one_each) as exchange, session_with(exchange) as session:
        for count in (1, 2, 3):
            assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"
            await until(lambda count=count: exchange.connections > count)  # type: ignore[misc]


async def test_an_announced_shutdown_is_not_waited_for() -> None:
    """`serverShutdown` says go: the session does."""

    async def announce(connection: ServerConnection) -> None:
        await connection.send('{"event":{"e":"serverShutdown","E":1769000000000}}')
        await silence(connection)

    async with open_exchange(announce) as exchange, session_with(exchange):
        await until(lambda: exchange.connections >= 3)


async def test_garbage_is_counted_and_survived() -> None:
    """It says nothing about whose answer it was; the next answer is as good as any."""

    async def garble(connection: ServerConnection) -> None:
        await connection.send("<html>")
        await connection.send(b"\xff\xfe")
        await answering(tickers)(connection)

    seen = health()
    async with open_exchange(garble) as exchange, session_with(exchange, seen) as session:
        assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"
        assert seen.refusals.total() == 2


@pytest.mark.parametrize(("status", "expected"), [(429, SourceRateLimited), (418, SourceBlocked)])
async def test_a_refusal_is_obeyed_until_it_is_over(status: int, expected: type[Exception]) -> None:
    """Until then no further question leaves the house; then all is as before."""
    asked = 0

    def refuse_once(question: Question) -> Question:
        nonlocal asked
        asked += 1
        retry_after = ms(format_us(START)) + 90_000
        return refusal(status, -1003, "Too much", retryAfter=retry_after) if asked == 1 else tickers(question)

    clock = FakeClock()
    async with (
        open_exchange(answering(refuse_once)) as exchange,
        session_with(exchange, clock=clock) as session,
    ):
        with pytest.raises(expected):
            await session.request("ticker.24hr", ASKED)
        clock.advance(seconds=89)
        with pytest.raises(expected):
            await session.request("ticker.24hr", ASKED)
        assert asked == 1
        clock.advance(seconds=1)
        assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"


async def test_what_one_replica_is_refused_none_asks() -> None:
    """Limits are counted per address: whoever goes on after a 429 gets all of them banned."""
    asked = 0

    def refuse_once(question: Question) -> Question:
        nonlocal asked
        asked += 1
        retry_after = ms(format_us(START)) + 90_000
        return refusal(429, -1003, "Too much", retryAfter=retry_after) if asked == 1 else tickers(question)

    clock = FakeClock()
    hold = MemoryHold(clock)
    async with (
        open_exchange(answering(refuse_once)) as exchange,
        session_with(exchange, clock=clock, hold=hold) as one,
        session_with(exchange, clock=clock, hold=hold) as other,
    ):
        with pytest.raises(SourceRateLimited):
            await one.request("ticker.24hr", ASKED)
        with pytest.raises(SourceRateLimited, match="another replica was refused"):
            await other.request("ticker.24hr", ASKED)
        assert asked == 1
        clock.advance(seconds=90)
        assert symbol_of(await other.request("ticker.24hr", ASKED)) == "BTCUSDT"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal(503, -1008, "Overloaded"), SourceUnavailable),
        (refusal(400, -1007, "Timeout"), SourceUnavailable),
        (refusal(403, -1000, "Firewall"), SourceBlocked),
        (refusal(400, -1104, "Unread parameters"), SourceProtocolError),
        ({"status": 302}, SourceProtocolError),
    ],
    ids=str,
)
async def test_other_refusals_say_whether_to_try_again(answer: Question, expected: type[Exception]) -> None:
    """By status and code."""
    async with (
        open_exchange(answering(lambda _: answer)) as exchange,
        session_with(exchange) as session,
    ):
        with pytest.raises(expected):
            await session.request("ticker.24hr", ASKED)


@pytest.mark.parametrize(
    ("refuse", "expected", "state"),
    [
        ((451, {}), SourceBlocked, LinkState.BLOCKED),
        ((503, {}), SourceUnavailable, LinkState.DOWN),
        ((429, {"Retry-After": "60"}), SourceRateLimited, LinkState.RATE_LIMITED),
    ],
    ids=str,
)
async def test_a_refused_handshake_says_why(
    refuse: tuple[int, dict[str, str]], expected: type[Exception], state: LinkState
) -> None:
    """Who asks meanwhile gets that reason, not just a timeout."""
    seen = health()
    async with open_exchange(silence) as exchange:
        exchange.refuse = refuse
        async with session_with(exchange, seen, timeout_s=0.5) as session:
            with pytest.raises(expected):
                await session.request("ticker.24hr", ASKED)
            assert seen.state is state
            assert exchange.connections == 0


@pytest.mark.parametrize("simulated", [True, False])
async def test_simulated_and_real_are_never_mixed(simulated: bool) -> None:
    """A handshake of the wrong kind is no connection."""
    async with open_exchange(answering(tickers)) as exchange:
        exchange.label = None if simulated else "generated"
        async with session_with(exchange, timeout_s=0.3, simulated=simulated) as session:
            with pytest.raises(SimulationMismatch):
                await session.request("ticker.24hr", ASKED)
        exchange.label = "generated" if simulated else None
        async with session_with(exchange, simulated=simulated) as session:
            assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"


async def test_an_unreachable_exchange_is_tried_again_and_again() -> None:
    """Whoever asks is told; when it is there, all is well."""
    async with open_exchange(silence) as gone:
        url = gone.url
    seen = health()
    settings = BinanceSettings(ws_api_url=url, request_timeout_s=0.2, longest_wait_s=0.02)
    async with open_session(settings, seen, MemoryHold(utc_now), simulated=False, clock=utc_now) as session:
        with pytest.raises(SourceUnavailable):
            await session.request("ticker.24hr", ASKED)
        await until(lambda: seen.reconnects >= 3)


async def test_cancelling_a_question_leaves_the_session_whole() -> None:
    """The next question is answered as if nothing had been."""
    held: list[Callable[[], None]] = []

    def hold_first(question: Question) -> Question | None:
        if held:
            return tickers(question)
        held.append(lambda: None)
        return None

    async with open_exchange(answering(hold_first)) as exchange, session_with(exchange) as session:
        first = asyncio.create_task(session.request("ticker.24hr", ASKED))
        await until(lambda: held)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert symbol_of(await session.request("ticker.24hr", ASKED)) == "BTCUSDT"
        assert exchange.connections == 1


async def test_the_weight_used_is_known_and_told_before_it_is_too_late() -> None:
    """As the budget in the source's health, with a note from four fifths on."""
    seen, counts = health(), iter([10, 4800, 20])

    def weighed(question: Question) -> Question:
        return {**tickers(question), "rateLimits": [weight(next(counts))]}

    async with open_exchange(answering(weighed)) as exchange, session_with(exchange, seen) as session:
        for remaining, loud in ((5990, False), (1200, True), (5980, False)):
            await session.request("ticker.24hr", ASKED)
            await until(lambda remaining=remaining: seen.budget and seen.budget.remaining == remaining)  # type: ignore[misc]
            assert ("weight" in (seen.report(START).reason or "")) is loud


def wanted(*pairs: str) -> list[Wanted]:
    return [Wanted(parse_symbol(pair), pair.replace("/", "")) for pair in pairs]


async def test_one_question_brings_all_tickers_of_a_task() -> None:
    """In whatever order the exchange lists them."""
    questions: list[Question] = []

    def note(question: Question) -> Question:
        questions.append(question)
        return tickers(question)

    async with open_exchange(answering(note)) as exchange, session_with(exchange) as session:
        fetcher = BinanceFetcher(session, health(), simulated=False, clock=utc_now)
        found = await fetcher.fetch(wanted("BTC/USDT", "ETH/USDT"))
    assert sorted(str(one.symbol) for one in found) == ["BTC/USDT", "ETH/USDT"]
    assert [(one["method"], one["params"]) for one in questions] == [
        ("ticker.24hr", {"symbols": ["BTCUSDT", "ETHUSDT"]})
    ]


async def test_an_unlisted_symbol_does_not_spoil_the_others() -> None:
    """It is found out once, left out for ten minutes, reported, and then tried again."""
    lists: list[list[str]] = []

    def strict(question: Question) -> Question:
        lists.append(question["params"]["symbols"])
        return refusal(400, -1121, "Invalid symbol.") if "GONEUSDT" in lists[-1] else tickers(question)

    clock, seen = FakeClock(), health()
    async with open_exchange(answering(strict)) as exchange, session_with(exchange, seen) as session:
        fetcher = BinanceFetcher(session, seen, simulated=False, clock=clock)
        asked = wanted("BTC/USDT", "GONE/USDT", "ETH/USDT")
        assert len(await fetcher.fetch(asked)) == 2
        assert lists == [["BTCUSDT", "GONEUSDT", "ETHUSDT"], ["BTCUSDT"], ["GONEUSDT"], ["ETHUSDT"]]
        assert "GONEUSDT" in (seen.report(START).reason or "")
        lists.clear()
        assert len(await fetcher.fetch(asked)) == 2
        assert lists == [["BTCUSDT", "ETHUSDT"]]
        assert await fetcher.fetch(wanted("GONE/USDT")) == ()
        clock.now += UNLISTED_FOR + timedelta(seconds=1)
        lists.clear()
        assert len(await fetcher.fetch(asked)) == 2
        assert lists[0] == ["BTCUSDT", "GONEUSDT", "ETHUSDT"]


async def test_one_unreadable_entry_is_counted_and_the_rest_is_used() -> None:
    """Only when nothing at all can be read is it an error."""

    def half_bad(question: Question) -> Question:
        good = [entry(symbol) for symbol in question["params"]["symbols"] if symbol != "BTCUSDT"]
        return {"status": 200, "result": [entry("BTCUSDT", lastPrice=None), *good]}

    seen = health()
    async with open_exchange(answering(half_bad)) as exchange, session_with(exchange, seen) as session:
        fetcher = BinanceFetcher(session, seen, simulated=False, clock=utc_now)
        assert [str(one.symbol) for one in await fetcher.fetch(wanted("BTC/USDT", "ETH/USDT"))] == [
            "ETH/USDT"
        ]
        assert seen.refusals.total() == 1
        with pytest.raises(SourceProtocolError):
            await fetcher.fetch(wanted("BTC/USDT"))


async def test_a_dead_pair_with_a_living_price_is_no_rate() -> None:
    """Neither a bid nor an ask, as delisted pairs are answered for years: counted, and no error when all are so."""
    dead = {"bidPrice": "0.00000000", "askPrice": "0.00000000"}

    def answer(question: Question) -> Question:
        found = [
            entry(symbol, **(dead if symbol == "BTCUSDT" else {})) for symbol in question["params"]["symbols"]
        ]
        return {"status": 200, "result": found}

    seen = health()
    async with open_exchange(answering(answer)) as exchange, session_with(exchange, seen) as session:
        fetcher = BinanceFetcher(session, seen, simulated=False, clock=utc_now)
        found = await fetcher.fetch(wanted("BTC/USDT", "ETH/USDT"))
        assert [str(one.symbol) for one in found] == ["ETH/USDT"]
        assert await fetcher.fetch(wanted("BTC/USDT")) == []
    assert seen.refusals == {Refusal.NO_MARKET: 2}


@pytest.mark.parametrize("one_side", ["bidPrice", "askPrice"])
async def test_a_market_with_one_empty_side_is_one(one_side: str) -> None:
    """A thin pair may have no buyer for a while; the side without a price has none."""

    def answer(question: Question) -> Question:
        return {"status": 200, "result": [entry("BTCUSDT", **{one_side: "0.00000000"})]}

    async with open_exchange(answering(answer)) as exchange, session_with(exchange) as session:
        fetcher = BinanceFetcher(session, health(), simulated=False, clock=utc_now)
        (found,) = await fetcher.fetch(wanted("BTC/USDT"))
    assert (found.bid is None) != (found.ask is None)


async def test_an_old_closing_time_makes_an_old_rate() -> None:
    """Not the time of the answer: whoever reads it sees by its age that nobody has traded since."""
    closed = 1_633_998_511_098

    def answer(question: Question) -> Question:
        return {"status": 200, "result": [entry("BTCUSDT", closeTime=closed)]}

    async with open_exchange(answering(answer)) as exchange, session_with(exchange) as session:
        fetcher = BinanceFetcher(session, health(), simulated=False, clock=utc_now)
        (found,) = await fetcher.fetch(wanted("BTC/USDT"))
    assert found.observed_at == parse_ms(closed)
