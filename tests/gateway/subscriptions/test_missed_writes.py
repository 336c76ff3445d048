"""Writes that a resumed subscription has missed, by its cursor."""

from contextlib import aclosing

from cache.ports import Checkpoint, Snapshot
from gateway.gateway import Gateway
from gateway.queries.rates_query import RatesQuery
from gateway.state.position import Cursor, StreamPosition, format_cursor
from gateway.subscriptions.event import EventKind
from rates.source import Source
from rates.ticker import Ticker
from rates.wire import Changes
from tests.gateway.fakes import ScriptedFeed
from tests.gateway.fixture_types import BuildTicker, Running, Until
from tests.gateway.subscriptions.test_live_queries import AT_ONCE, BINANCE, following, prices

COINGECKO = Source.COINGECKO
GAP = None


def cursor_at(gateway: Gateway, **positions: StreamPosition) -> str:
    """A cursor at these positions, and where the mirror is at the other sources."""
    named = {Source(name): position for name, position in positions.items()}
    return format_cursor(Cursor({**gateway.mirror.positions, **named}, gateway.catalog.version))


async def missed(gateway: Gateway, cursor: str, query: RatesQuery | None = None) -> list[str] | None:
    """The prices that a subscription is sent first after the cursor; `GAP` after a GAP."""
    async with aclosing(gateway.live_queries.iterate(query or RatesQuery(), AT_ONCE, cursor)) as events:
        event = await following(events)
        if event.kind is EventKind.GAP:
            return GAP
        assert event.recovered is True
        return [price for _, price in prices(event)]


class Replica:
    """A gateway on a feed under the control of the test."""

    def __init__(self, gateway: Gateway, feed: ScriptedFeed, until: Until) -> None:
        self.gateway, self.feed, self.until = gateway, feed, until

    async def load(self, epoch: str, seq: int, *tickers: Ticker, **seqs: int) -> None:
        """Reload the source; `seqs` has the writes by the base of the symbol."""
        by_symbol = {each.symbol: seqs[each.symbol.base] for each in tickers if each.symbol.base in seqs}
        self.feed.snapshots[BINANCE] = Snapshot(BINANCE, epoch, seq, tickers, (), by_symbol)
        begun = self.feed.snapshots_begun
        self.feed.send(Checkpoint(BINANCE, epoch or "any", seq + 1))
        await self.until(lambda: self.feed.snapshots_begun > begun)
        await self.until(lambda: self.gateway.mirror.positions[BINANCE].epoch == epoch)

    async def write(self, epoch: str, seq: int, *tickers: Ticker) -> None:
        """Publish a write."""
        self.feed.send(Changes(tickers[0].source, epoch, seq, tickers))
        await self.until(lambda: self.gateway.mirror.positions[tickers[0].source].seq == seq)

    def cursor(self) -> str:
        """The cursor of an answer given now."""
        return self.gateway.rates.cursor()


async def test_writes_after_the_cursor_are_missed_and_its_own_is_not(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """The cursor includes the write that it names."""
    async with running(scripted_feed) as gateway:
        replica = Replica(gateway, scripted_feed, until)
        await replica.write("e", 1, ticker(price="1"))
        await replica.write("e", 2, ticker("ETH/USDT", "2"))
        for seq, expected in {0: ["1", "2"], 1: ["2"], 2: []}.items():
            assert await missed(gateway, cursor_at(gateway, binance=StreamPosition("e", seq))) == expected
        assert await missed(gateway, cursor_at(gateway, binance=StreamPosition("f", 1))) is GAP
        assert await missed(gateway, cursor_at(gateway, binance=StreamPosition("", 0))) is GAP


async def test_each_source_is_compared_with_its_own_position(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """Numbers of two sources are not compared, and a source outside the query proves nothing."""
    async with running(scripted_feed) as gateway:
        replica = Replica(gateway, scripted_feed, until)
        for seq in range(1, 6):
            await replica.write("e", seq, ticker(price=str(seq), sequence=seq))
        await replica.write("e", 1, ticker(price="70", source=COINGECKO))
        await replica.write("e", 2, ticker(price="71", source=COINGECKO, sequence=1))
        at_binance = cursor_at(gateway, binance=StreamPosition("e", 4))
        assert await missed(gateway, at_binance) == ["5"]
        assert await missed(gateway, at_binance, RatesQuery(sources=(COINGECKO,))) == []
        at_coingecko = cursor_at(gateway, coingecko=StreamPosition("e", 1))
        assert await missed(gateway, at_coingecko) == ["71"]
        foreign = cursor_at(gateway, coingecko=StreamPosition("f", 1))
        assert await missed(gateway, foreign) is GAP
        assert await missed(gateway, foreign, RatesQuery(sources=(BINANCE,))) == []
        only_binance = format_cursor(Cursor({BINANCE: StreamPosition("e", 4)}, gateway.catalog.version))
        assert await missed(gateway, only_binance, RatesQuery(sources=(BINANCE,))) == ["5"]
        assert await missed(gateway, only_binance) is GAP


async def test_a_reload_reads_the_write_of_each_ticker(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """So what came while the mirror was cut off is told from what it had."""
    async with running(scripted_feed) as gateway:
        replica = Replica(gateway, scripted_feed, until)
        await replica.write("e", 1, ticker(price="1"), ticker("ETH/USDT", "2"))
        eth = ticker("ETH/USDT", "4", sequence=4)
        await replica.load("e", 6, ticker(price="1"), eth, BTC=1, ETH=4)
        for seq, expected in {0: ["1", "4"], 1: ["4"], 3: ["4"], 4: [], 6: []}.items():
            assert await missed(gateway, cursor_at(gateway, binance=StreamPosition("e", seq))) == expected


async def test_a_ticker_of_an_unknown_write_counts_as_just_written(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """A ticker of an earlier version is sent again; one that the mirror knows keeps its write."""
    async with running(scripted_feed) as gateway:
        replica = Replica(gateway, scripted_feed, until)
        await replica.write("e", 1, ticker(price="1"))
        await replica.load("e", 6, ticker(price="1"), ticker("ETH/USDT", "2"))
        for seq, expected in {0: ["1", "2"], 1: ["2"], 5: ["2"], 6: []}.items():
            assert await missed(gateway, cursor_at(gateway, binance=StreamPosition("e", seq))) == expected


async def test_a_survivor_of_an_earlier_epoch_was_there_before_the_first_write(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """A failover that lost nothing keeps the tickers in a new epoch, without numbers."""
    async with running(scripted_feed) as gateway:
        replica = Replica(gateway, scripted_feed, until)
        await replica.write("old", 1, ticker(price="1"))
        await replica.load("new", 3, ticker(price="1"), ticker("ETH/USDT", "2"), BTC=0, ETH=2)
        # Of a gateway that has not seen the old epoch, and of this one.
        for lineage in ("", gateway.mirror.positions[BINANCE].lineage):
            for seq, expected in {0: ["2"], 1: ["2"], 2: []}.items():
                cursor = cursor_at(gateway, binance=StreamPosition("new", seq, lineage))
                assert await missed(gateway, cursor) == expected


async def test_a_ticker_stored_anew_after_a_loss_is_not_sent_to_a_client_that_has_it(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """A client of a gateway that did not have it is sent it."""
    async with running(scripted_feed) as gateway:
        replica = Replica(gateway, scripted_feed, until)
        btc, eth = ticker(price="1"), ticker("ETH/USDT", "2")
        await replica.write("old", 1, btc, eth)
        await replica.load("new", 1, eth, ETH=1)
        has_both = replica.cursor()
        has_eth = cursor_at(gateway, binance=StreamPosition("new", 1))
        assert await missed(gateway, has_both) == []
        await replica.write("new", 2, btc)
        assert await missed(gateway, has_both) == []
        assert await missed(gateway, has_eth) == ["1"]
        assert await missed(gateway, cursor_at(gateway, binance=StreamPosition("new", 2))) == []
        await replica.write("new", 3, ticker(price="3", sequence=3))
        assert await missed(gateway, has_both) == ["3"]


async def test_a_ticker_that_only_this_gateway_has_proves_nothing_to_others(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """The cache has lost it, and another gateway may know a newer one or none.

    An older write changes nothing.
    """
    async with running(scripted_feed) as gateway:
        replica = Replica(gateway, scripted_feed, until)
        newest, eth = ticker(price="9", sequence=9), ticker("ETH/USDT", "2")
        await replica.write("old", 1, newest)
        await replica.load("new", 1, eth, ETH=1)
        await replica.write("new", 2, ticker(price="8", sequence=8))
        elsewhere = cursor_at(gateway, binance=StreamPosition("new", 1))
        assert await missed(gateway, elsewhere) is GAP
        assert await missed(gateway, elsewhere, RatesQuery(symbols=(eth.symbol,))) == []
        assert await missed(gateway, replica.cursor()) == []
        await replica.write("new", 3, ticker(price="10", sequence=10))
        assert await missed(gateway, elsewhere) == ["10"]


async def test_a_lineage_tells_at_which_write_a_mirror_left_an_epoch(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """An empty cache in between adds nothing, and each epoch does."""
    lineages = []
    for last_seq in (1, 2, 2):
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "", 0, (), ())
        async with running(scripted_feed) as gateway:
            replica = Replica(gateway, scripted_feed, until)
            await replica.load("a", last_seq, ticker(price="1"), BTC=1)
            assert gateway.mirror.positions[BINANCE].lineage == ""
            await replica.load("", 0)
            await replica.load("b", 1, ticker(price="1"), BTC=1)
            lineages.append(gateway.mirror.positions[BINANCE].lineage)
    assert lineages[0] != lineages[1] == lineages[2] != ""


async def test_a_replica_that_lacks_the_last_writes_takes_none_from_the_mirror(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """Until a promoted replica begins its epoch, the mirror stands where it was."""
    async with running(scripted_feed) as gateway:
        replica = Replica(gateway, scripted_feed, until)
        await replica.write("e", 1, ticker(price="1"))
        await replica.write("e", 2, ticker(price="2", sequence=2))
        cursor = replica.cursor()
        scripted_feed.snapshots[BINANCE] = Snapshot(BINANCE, "e", 1, (ticker(price="1"),), ())
        reloads = gateway.mirror.reloads
        scripted_feed.lose()
        await until(lambda: gateway.mirror.reloads > reloads)
        assert gateway.mirror.positions[BINANCE] == StreamPosition("e", 2)
        assert await missed(gateway, cursor) == []


async def test_a_mirror_that_was_cut_off_proves_what_it_read_again(
    running: Running, scripted_feed: ScriptedFeed, ticker: BuildTicker, until: Until
) -> None:
    """After a lost subscription, in the same epoch."""
    async with running(scripted_feed) as gateway:
        replica = Replica(gateway, scripted_feed, until)
        await replica.write("e", 1, ticker(price="1"), ticker("ETH/USDT", "2"))
        cursor = replica.cursor()
        btc = ticker(price="3", sequence=3)
        symbols = {btc.symbol: 3, ticker("ETH/USDT").symbol: 1}
        scripted_feed.snapshots[BINANCE] = Snapshot(
            BINANCE, "e", 3, (btc, ticker("ETH/USDT", "2")), (), symbols
        )
        scripted_feed.lose()
        await until(lambda: gateway.mirror.positions[BINANCE].seq == 3)
        assert await missed(gateway, cursor) == ["3"]
