"""Identity of assets: reviewed data, never guessed from a code."""

from datetime import UTC, datetime

import pytest

from instruments.identity.asset_table import reviewed_assets
from instruments.identity.identity_records import IdentityRecords
from instruments.instrument import Instrument
from instruments.seed import read_seed
from instruments.store import InstrumentStore, identified
from rates.errors import InvalidSymbol, UnknownSymbol
from rates.source import Source
from rates.symbol import Symbol, parse_symbol
from rates.ticker import TickerKey

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
NEIRO = Symbol("NEIRO", "USDT")


@pytest.mark.parametrize(
    ("source", "source_code", "asset_id", "code"),
    [
        (Source.COINBASE, "VELO", "velodrome-finance", "VELODROME"),
        (Source.KRAKEN, "VELO", "velo", "VELO"),
        (Source.COINBASE, "CGLD", "celo", "CELO"),
        (Source.KRAKEN, "REP", "augur-v1", "REPV1"),
        (Source.KRAKEN, "REPV2", "augur", "REP"),
        (Source.KRAKEN, "UST", "terrausd", "USTC"),
        (Source.KRAKEN, "LUNA", "terra-luna", "LUNC"),
        (Source.KRAKEN, "LUNA2", "terra-luna-2", "LUNA"),
        (Source.BINANCE, "NEIRO", "neiro-3", "NEIRO"),
        (Source.BYBIT, "NEIRO", "neiro-on-eth", "NEIROETH"),
    ],
)
def test_codes_that_mean_another_asset_are_reviewed(
    source: Source, source_code: str, asset_id: str, code: str
) -> None:
    """Each of these was taken for another coin, or for one that nobody else has."""
    table = reviewed_assets()
    asset = table.resolve(source, source_code)
    assert asset is not None
    assert asset.id == asset_id
    assert table.code(source, source_code) == code


def test_a_code_in_no_table_is_unreviewed() -> None:
    """It keeps its name, and has no identity."""
    assert reviewed_assets().resolve(Source.KRAKEN, "NOSUCHCOIN") is None
    assert reviewed_assets().code(Source.KRAKEN, "NOSUCHCOIN") == "NOSUCHCOIN"


def test_every_instrument_of_the_seed_is_reviewed() -> None:
    """All sources of a seeded symbol mean the same assets."""
    assets: dict[Symbol, set[tuple[str | None, str | None]]] = {}
    for instrument in read_seed():
        assert instrument.is_reviewed, instrument
        assets.setdefault(instrument.symbol, set()).add((instrument.base_asset, instrument.quote_asset))
    assert all(len(each) == 1 for each in assets.values())


def test_each_code_belongs_to_one_asset() -> None:
    """Else the table could not tell them apart."""
    table = reviewed_assets()
    for instrument in read_seed():
        owner = table.owner(instrument.symbol.base)
        assert owner is not None
        assert owner.id == instrument.base_asset


def test_assets_with_the_same_code_are_all_candidates() -> None:
    """The owner of the code comes first."""
    assert [asset.id for asset in reviewed_assets().candidates("VELO")] == ["velo", "velodrome-finance"]


@pytest.mark.parametrize(
    ("source", "source_symbol"), [(Source.COINBASE, "VELO-USD"), (Source.BYBIT, "VELOUSD")]
)
def test_a_symbol_that_a_source_means_otherwise_has_no_identity(source: Source, source_symbol: str) -> None:
    """An instrument that was added by hand under the wrong code is never merged."""
    instrument = identified(Instrument(source, parse_symbol("VELO/USD"), source_symbol, "Velo"))
    assert instrument.base_asset is None
    assert not instrument.is_reviewed


async def test_a_suspicion_lasts_until_an_operator_confirms(store: InstrumentStore) -> None:
    """A second suspicion does not begin it anew, and none touches what is confirmed."""
    btc = Symbol("BTC", "USDT")
    key, records = TickerKey(Source.BYBIT, btc), IdentityRecords(store)
    await records.suspect({key: "7 times as much"}, now=NOW)
    await records.suspect({key: "8 times as much"}, now=NOW.replace(hour=13))
    suspicion = (await _find(store, key)).suspicion
    assert suspicion is not None
    assert (suspicion.detail, suspicion.since) == ("7 times as much", NOW)
    await records.confirm(Source.BYBIT, btc, now=NOW)
    await records.suspect({key: "9 times as much"}, now=NOW)
    confirmed = await _find(store, key)
    assert confirmed.suspicion is None
    assert confirmed.is_confirmed


async def test_separating_resolves_a_clash_with_one_command(store: InstrumentStore) -> None:
    """The asset gets its reviewed code, and the other source is trusted again."""
    await store.add(
        [
            Instrument(Source.BINANCE, NEIRO, "NEIROUSDT", "Neiro"),
            Instrument(Source.BYBIT, NEIRO, "NEIROUSDT", "Neiro"),
        ]
    )
    records = IdentityRecords(store)
    keys = [TickerKey(Source.BINANCE, NEIRO), TickerKey(Source.BYBIT, NEIRO)]
    await records.suspect(dict.fromkeys(keys, "111 times as much"), now=NOW)
    new = await records.separate(Source.BYBIT, NEIRO)
    assert new == Symbol("NEIROETH", "USDT")
    moved = await _find(store, TickerKey(Source.BYBIT, new))
    assert (moved.base_asset, moved.suspicion) == ("neiro-on-eth", None)
    kept = await _find(store, keys[0])
    assert (kept.base_asset, kept.suspicion) == ("neiro-3", None)


async def test_an_unreviewed_asset_gets_the_code_of_its_source(store: InstrumentStore) -> None:
    """Unless the operator names a better one."""
    records = IdentityRecords(store)
    assert await records.separate(Source.BYBIT, Symbol("BTC", "USDT")) == Symbol("BTCBYBIT", "USDT")
    assert await records.separate(Source.OKX, Symbol("BTC", "USDT"), "XBT") == Symbol("XBT", "USDT")


async def test_decisions_on_what_is_not_tracked_are_refused(store: InstrumentStore) -> None:
    """And a new code must be another one."""
    records = IdentityRecords(store)
    with pytest.raises(UnknownSymbol):
        await records.confirm(Source.OKX, Symbol("NO", "SUCH"), now=NOW)
    with pytest.raises(UnknownSymbol):
        await records.separate(Source.OKX, Symbol("NO", "SUCH"))
    with pytest.raises(InvalidSymbol):
        await records.separate(Source.OKX, Symbol("BTC", "USDT"), "BTC")


async def _find(store: InstrumentStore, key: TickerKey) -> Instrument:
    return next(each for each in await store.read(key.source) if each.symbol == key.symbol)
