"""Instruments are looked up in listings, never guessed."""

import gzip
import json

import pytest

from instruments.listed import ListedInstrument, TradingStatus
from pipeline.listings.lookup import find_listed, search, to_symbol
from pipeline.sources.binance.listing import parse_listing as parse_pairs
from pipeline.sources.coingecko.listing import parse_listing as parse_coins
from rates.errors import AmbiguousSymbol, NotListed
from rates.source import Source
from rates.symbol import parse_symbol
from tests.pipeline.recordings import recorded

TRADING, HALTED = TradingStatus.TRADING, TradingStatus.HALTED


def entry(spelling: str, base: str, quote: str | None, status: TradingStatus = TRADING) -> ListedInstrument:
    return ListedInstrument(spelling, base, quote, f"{base} of {spelling}", status, status.value)


PAIRS = [entry("BTCTUSD", "BTC", "TUSD"), entry("ETHUSDT", "ETH", "USDT"), entry("ETHBTC", "ETH", "BTC")]
COINS = [entry("pepe-2-0", "PEPE", None), entry("pepe", "PEPE", None), entry("bitcoin", "BTC", None)]


def test_base_and_quote_come_from_the_listing() -> None:
    """`BTCTUSD` is BTC/TUSD here, and there is no BTCT/USD."""
    assert find_listed(Source.BINANCE, PAIRS, parse_symbol("BTC/TUSD")) is PAIRS[0]
    with pytest.raises(NotListed):
        find_listed(Source.BINANCE, PAIRS, parse_symbol("BTCT/USD"))


def test_a_coin_matches_any_currency() -> None:
    """A coin is priced in every currency."""
    assert find_listed(Source.COINGECKO, COINS, parse_symbol("BTC/EUR")).source_symbol == "bitcoin"


def test_several_matches_are_candidates() -> None:
    """With id and name, shortest id first. None of them is chosen."""
    with pytest.raises(AmbiguousSymbol) as refused:
        find_listed(Source.COINGECKO, COINS, parse_symbol("PEPE/USD"))
    assert refused.value.candidates == ("pepe (PEPE of pepe)", "pepe-2-0 (PEPE of pepe-2-0)")
    assert "PEPE/USD could be any of 2 that coingecko lists: pepe (" in str(refused.value)


def test_an_unknown_symbol_is_an_error_with_near_matches() -> None:
    """Similar spellings, best first."""
    with pytest.raises(NotListed) as refused:
        find_listed(Source.BINANCE, PAIRS, parse_symbol("ETH/USDTT"))
    assert refused.value.near[0] == "ETH/USDT"


def test_a_halted_entry_is_ignored_beside_a_trading_one() -> None:
    """Alone it is found, with its status."""
    dead, living = entry("LUNAUSDT-OLD", "LUNA", "USDT", HALTED), entry("LUNAUSDT", "LUNA", "USDT")
    symbol = parse_symbol("LUNA/USDT")
    assert find_listed(Source.BINANCE, [dead, living], symbol) is living
    assert find_listed(Source.BINANCE, [dead], symbol) is dead


def test_search_covers_source_symbol_base_and_name() -> None:
    """In any case, and by quote if there is one."""
    assert [one.source_symbol for one in search(PAIRS, text="eth", quote="usdt")] == ["ETHUSDT"]
    assert len(list(search(PAIRS))) == 3
    assert len(list(search(COINS, text="PEPE OF", quote="EUR"))) == 2


def test_invalid_codes_have_no_symbol() -> None:
    """CoinGecko lists all kinds of codes."""
    assert to_symbol(entry("x", "$MEME", None), "USD") is None
    assert str(to_symbol(COINS[2], "EUR")) == "BTC/EUR"


def test_recorded_pairs_are_found_by_their_symbols_alone() -> None:
    """Every trading pair of 2021 by base and quote. The joined spelling is never split."""
    recording = json.loads(
        gzip.decompress(recorded("binance_rest_exchangeInfo_20211012.json.gz").read_bytes())
    )
    pairs = parse_pairs(json.dumps(recording["body"]).encode()).instruments
    for one in pairs[::20]:
        symbol = parse_symbol(f"{one.base}/{one.quote}")
        assert find_listed(Source.BINANCE, pairs, symbol).source_symbol == one.source_symbol


@pytest.mark.slow
def test_recorded_coins_with_a_shared_symbol_are_ambiguous() -> None:
    """25 for PEPE, 6 for BTC: taking the first or the last would be wrong."""
    recording = json.loads(gzip.decompress(recorded("coingecko_coins_list_20250803.json.gz").read_bytes()))
    coins = parse_coins(json.dumps(recording["body"]).encode()).instruments
    for base, count in (("PEPE", 25), ("BTC", 6)):
        with pytest.raises(AmbiguousSymbol) as refused:
            find_listed(Source.COINGECKO, coins, parse_symbol(f"{base}/USD"))
        assert len(refused.value.candidates) == count
    with pytest.raises(NotListed) as unknown:
        find_listed(Source.COINGECKO, coins, parse_symbol("BITCON/USD"))
    assert unknown.value.near
