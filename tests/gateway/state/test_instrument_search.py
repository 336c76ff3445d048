"""Search finds what people type, the best match first."""

import pytest

from gateway.state.instrument_pages import InstrumentPages, ListFilter, ListOrder, OrderField, PageRequest
from gateway.state.instrument_search import (
    MAX_SEARCH_LENGTH,
    MAX_SEARCH_WORDS,
    Match,
    SearchQuery,
    SearchText,
    fold,
)
from instruments.instrument import Instrument
from instruments.seed import read_seed
from instruments.store import identified
from rates.errors import InvalidArgument
from rates.source import Source
from rates.symbol import parse_symbol


def build(source: Source, symbol: str, source_symbol: str, name: str) -> Instrument:
    """Return an instrument with the reviewed identity of its assets."""
    return identified(Instrument(source, parse_symbol(symbol), source_symbol, name))


def widen(text: str) -> str:
    """Return the full-width form of ASCII characters."""
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


EXTRA = [
    build(Source.KRAKEN, "LUNC/USD", "LUNA/USD", "LUNA"),
    build(Source.KRAKEN, "LUNA/USD", "LUNA2/USD", "LUNA2"),
    build(Source.BINANCE, "LUNC/USDT", "LUNCUSDT", "Terra Classic"),
    build(Source.BINANCE, "币安人生/USDT", "币安人生USDT", "币安人生"),
    build(Source.OKX, "AB/CUSD", "AB-CUSD", "Ab"),
    build(Source.OKX, "ABC/USD", "ABC-USD", "Abc"),
    build(Source.COINBASE, "STRASSE/EUR", "STRASSE-EUR", "Straße"),
    build(Source.COINBASE, "NAIVE/EUR", "NAIVE-EUR", "नमस्ते"),
]


@pytest.fixture(scope="module")
def pages() -> InstrumentPages:
    """The instruments of a new database, and some of other kinds."""
    return InstrumentPages([*read_seed(), *EXTRA])


def search(pages: InstrumentPages, text: str) -> list[str]:
    """Return the first matches, as SOURCE:SYMBOL."""
    page = pages.read(ListFilter(search=text), PageRequest(first=200), ListOrder(OrderField.RELEVANCE))
    return [f"{each.source.name}:{each.symbol}" for each in page.instruments]


BITCOIN = ["COINBASE:BTC/USD", "COINGECKO:BTC/USD", "KRAKEN:BTC/USD"]
BITCOIN_USDT = ["BINANCE:BTC/USDT", "BYBIT:BTC/USDT", "OKX:BTC/USDT"]
CASH = [each.replace("BTC", "BCH") for each in [*BITCOIN, *BITCOIN_USDT]]


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("btcusdt", BITCOIN_USDT),
        ("BTC/USDT", BITCOIN_USDT),
        ("btc_usdt", BITCOIN_USDT),
        ("btc usdt", BITCOIN_USDT),
        ("  btc - usdt ", BITCOIN_USDT),
        (widen("btc/usdt"), BITCOIN_USDT),
        ("BTC-USD", [*BITCOIN, *BITCOIN_USDT]),
        ("btc", [*BITCOIN, *BITCOIN_USDT]),
        ("b-t-c", [*BITCOIN, *BITCOIN_USDT]),
        ("bitcoin", [*BITCOIN, *BITCOIN_USDT, *CASH]),
        ("bit", [*BITCOIN, *BITCOIN_USDT, *CASH]),
        ("BITCOIN CASH", CASH),
        ("bitcoincash", CASH),
        ("bitcoin-cash", ["COINGECKO:BCH/USD"]),
        ("bitcoin usdt", BITCOIN_USDT),
        ("usdt btc", BITCOIN_USDT),
        ("xbt", ["KRAKEN:BTC/USD", "COINBASE:BTC/USD", "COINGECKO:BTC/USD", *BITCOIN_USDT]),
        ("xbtusd", ["KRAKEN:BTC/USD", "COINBASE:BTC/USD", "COINGECKO:BTC/USD"]),
        ("XBT/USD", ["KRAKEN:BTC/USD", "COINBASE:BTC/USD", "COINGECKO:BTC/USD"]),
        ("usd-coin", ["COINGECKO:USDC/USD"]),
        ("luna", ["KRAKEN:LUNA/USD", "KRAKEN:LUNC/USD", "BINANCE:LUNC/USDT"]),
        ("luna2", ["KRAKEN:LUNA/USD"]),
        ("币安", ["BINANCE:币安人生/USDT"]),
        ("abc/usd", ["OKX:ABC/USD", "OKX:AB/CUSD"]),
        ("ab/cusd", ["OKX:AB/CUSD", "OKX:ABC/USD"]),
        ("STRASSE", ["COINBASE:STRASSE/EUR"]),
        ("straße", ["COINBASE:STRASSE/EUR"]),
        ("नमस्ते", ["COINBASE:NAIVE/EUR"]),
    ],
)
def test_the_best_matches_come_first(pages: InstrumentPages, text: str, best: list[str]) -> None:
    """Symbols in any spelling, codes, the sources' own codes, and names of assets."""
    found = search(pages, text)
    if text == "bitcoin-cash":
        # The id of CoinGecko is the name of the others.
        assert found == CASH
        return
    assert found[: len(best)] == best


def test_an_asset_precedes_the_instruments_that_it_prices(pages: InstrumentPages) -> None:
    """Then its name, then those with it as the quote, by the size of the market."""
    found = search(pages, "usdt")
    assert found[:4] == [
        "COINBASE:USDT/USD", "COINGECKO:USDT/USD", "KRAKEN:USDT/USD", "BINANCE:BTC/USDT"
    ]  # fmt: skip
    assert found.index("BINANCE:ETH/USDT") < found.index("BINANCE:AAVE/USDT")


@pytest.mark.parametrize("text", ["zzzz", "/", "%%%", "—", "btc nothing", "x" * MAX_SEARCH_LENGTH])
def test_a_text_that_is_nowhere_finds_nothing(pages: InstrumentPages, text: str) -> None:
    """Also one without a letter or digit."""
    assert search(pages, text) == []


@pytest.mark.parametrize("text", ["", " ", "\u3000\t"])
def test_a_blank_text_finds_everything(pages: InstrumentPages, text: str) -> None:
    """As if it were left out: by the size of the market."""
    assert search(pages, text)[:3] == BITCOIN


@pytest.mark.parametrize(
    ("text", "rank"),
    [
        ("abc/usd", Match.EXACT),
        ("abc", Match.EXACT),
        ("a.b.c", Match.EQUAL),
        ("abcu", Match.CODE_PREFIX),
        ("alpha be", Match.NAME_PREFIX),
        ("alphab", Match.NAME_PREFIX),
        ("beta", Match.NAME_PREFIX),
        ("usd", Match.QUOTE),
        ("et", Match.SUBSTRING),
        ("beta usd", len(Match) + Match.QUOTE),
        ("usd et", len(Match) + Match.SUBSTRING),
        ("beta nothing", None),
        ("\n", None),
    ],
)
def test_matches_are_ranked(text: str, rank: int | None) -> None:
    """Exact, then the start of a code, of a name, of a word, the quote, and any part."""
    instrument = Instrument(Source.OKX, parse_symbol("ABC/USD"), "ABC-USD", "Alpha Beta")
    assert SearchQuery(text).rank(SearchText.of(instrument)) == rank


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x" * (MAX_SEARCH_LENGTH + 1), f"at most {MAX_SEARCH_LENGTH} characters"),
        (" ".join("abcdefghi"), f"at most {MAX_SEARCH_WORDS} words"),
    ],
)
def test_a_search_beyond_its_bounds_is_refused(text: str, expected: str) -> None:
    """With the bound."""
    with pytest.raises(InvalidArgument, match=expected):
        SearchQuery(text)


def test_folding_ignores_case_and_width() -> None:
    """Ligatures and compatibility characters, too."""
    assert fold(widen("BTC")) == fold("btc") == "btc"
    assert fold("ﬁat") == "fiat"
    assert fold("\N{KELVIN SIGN}") == "k"
