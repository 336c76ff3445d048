"""TradingView's data feed, as its charting library asks for it."""

import httpx
import pytest

from gateway.rest.udf import RESOLUTIONS
from history.interval import Interval
from rates.source import Source

HISTORY = {"symbol": "BINANCE:BTC/USDT", "resolution": "1", "from": "1723118400", "to": "1723118700"}


async def test_the_feed_tells_what_it_can_do(client: httpx.AsyncClient) -> None:
    """Every interval has a resolution, every source is an exchange."""
    config = (await client.get("/udf/config")).json()
    assert [RESOLUTIONS[each] for each in config["supported_resolutions"]] == list(Interval)
    assert {each["value"] for each in config["exchanges"]} == {"", *(source.name for source in Source)}
    assert config["supports_search"] is True
    assert config["supports_group_request"] is False


async def test_bars_are_columns_of_numbers_with_all_their_digits(client: httpx.AsyncClient) -> None:
    """Minutes without trades, and those of which nothing is known, are left out."""
    response = await client.get("/udf/history", params=HISTORY)
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.text == (
        '{"s":"ok","t":[1723118460,1723118580],"o":[100,100],"h":[101.50,100],"l":[100,100],"c":[101.50,100],"v":[1.10,1]}'
    )


async def test_countback_goes_before_from(client: httpx.AsyncClient) -> None:
    """The library asks for so many bars, whatever the time."""
    params = {**HISTORY, "from": "1723118640", "countback": "3"}
    assert (await client.get("/udf/history", params=params)).json()["t"] == [1723118460, 1723118580]
    del params["countback"]
    assert (await client.get("/udf/history", params=params)).json() == {"s": "no_data"}


async def test_no_data_says_where_there_may_be_some(client: httpx.AsyncClient) -> None:
    """The library goes on there instead of stopping at a gap."""
    params = {**HISTORY, "to": "1723118580", "countback": "1"}
    assert (await client.get("/udf/history", params=params)).json() == {
        "s": "no_data",
        "nextTime": 1723118519,
    }
    params = {**HISTORY, "from": "-1000", "to": "1723118000"}
    assert (await client.get("/udf/history", params=params)).json() == {"s": "no_data"}


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "MTGOX:BTC/USDT"},
        {"symbol": "BINANCE:XXX/USDT"},
        {"symbol": ""},
        {"resolution": "2"},
        {"to": "now"},
    ],
)
async def test_an_error_has_status_200_and_a_text(client: httpx.AsyncClient, changes: dict[str, str]) -> None:
    """The library shows the text, and takes other statuses for an outage."""
    response = await client.get("/udf/history", params={**HISTORY, **changes})
    assert response.status_code == 200
    content = response.json()
    assert content["s"] == "error"
    assert content["errmsg"]


async def test_a_symbol_is_described(client: httpx.AsyncClient) -> None:
    """Without a source it is that of the first one."""
    described = (await client.get("/udf/symbols", params={"symbol": "BTC/USDT"})).json()
    assert described["ticker"] == "BINANCE:BTC/USDT"
    assert described["name"] == "BTC/USDT"
    assert described["supported_resolutions"] == list(RESOLUTIONS)
    assert described["session"] == "24x7"
    unknown = (await client.get("/udf/symbols", params={"symbol": "BTC/USDX"})).json()
    assert unknown["s"] == "error"


async def test_symbols_are_found_by_text_and_source(client: httpx.AsyncClient) -> None:
    """A source that does not exist has none."""

    async def search(**params: str) -> list[str]:
        return [each["full_name"] for each in (await client.get("/udf/search", params=params)).json()]

    assert set(await search(query="btcusdt")) == {"BINANCE:BTC/USDT", "COINGECKO:BTC/USDT"}
    assert await search(query="btc", exchange="BINANCE", limit="1") == ["BINANCE:BTC/USDT"]
    assert await search(query="", exchange="BINANCE") == ["BINANCE:BTC/USDT", "BINANCE:ETH/USDT"]
    assert await search(query="btc", exchange="MTGOX") == []


async def test_the_time_is_that_of_the_gateway(client: httpx.AsyncClient) -> None:
    """The clock of the test stands still."""
    assert (await client.get("/udf/time")).text == "1723118600"
