"""Plain routes with hostile parameters, and of a gateway that cannot answer."""

import csv
import random
from urllib.parse import quote

import httpx
import pytest

from gateway.app import create_app
from gateway.client_connections import RETRY_AFTER_S
from gateway.gateway import Gateway
from gateway.leaving import REFUSAL
from gateway.rest.csv_candles import COLUMNS
from gateway.settings import GatewaySettings

PATHS = ["/candles", "/udf/history", "/udf/symbols", "/udf/search", "/udf/config", "/udf/time"]
VALID = {
    "/candles": {"symbol": "BTC/USDT", "interval": "M1"},
    "/udf/history": {"symbol": "BTC/USDT", "resolution": "1"},
    "/udf/symbols": {"symbol": "BTC/USDT"},
}
NAMES = [
    *["symbol", "interval", "resolution", "source", "from", "to", "last", "before", "timeZone", "knownAt"],
    *["countback", "currencyCode", "unitId", "query", "type", "exchange", "limit", "other"],
]
VALUES = [
    *["BTC/USDT", "BTC/USDT", "BINANCE:BTC/USDT", "BINANCE", "M1", "M1", "1", "1D", "UTC", "Europe/Berlin", "10", "2024-08-08T12:01:00Z"],
    *["NO/SUCH"] * 9, *["", " ", "0", "-1", "+1", "1_0", "1.5", "1e3", "٣", "²", "9" * 11, "9" * 12, "9" * 200, "-" * 5, "-0", "NaN", "0x10"],
    *["2024-08-08T12:01:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2024-08-08t12:01:00z", "20240808T120100Z"],
    *["../../etc/passwd", "/etc/localtime", "Europe/../Europe/Berlin", "posixrules", "UTC\0", "C" * 200, "C" * 201],
    *["=cmd|' /C calc'!A0", "@SUM(A1)", "BTC/USDT\r\nSet-Cookie: a=b", 'BTC/"USDT', "BTC/USDT>; rel=next", "<script>", "BTC/US\ud800DT"],
    *["Y2FuZGxlczox", "Y2FuZGxlczotMQ", "candles:1", "A" * 150, "💰/USDT", "ﬀ/USDT", "btc/usdt", "BTC/USDT/", "KRAKEN:BTC/USDT", ":BTC/USDT"],
]  # fmt: skip


def encode_value(value: str) -> str:
    return quote(value.encode("utf-8", "surrogatepass"), safe="")


@pytest.mark.slow
async def test_hostile_parameters_get_typed_errors(client: httpx.AsyncClient) -> None:
    """Never a 5xx, a header of their own, or a cell that a spreadsheet would execute."""
    chosen = random.Random(58)
    statuses: dict[int, int] = {}
    for _ in range(1_500):
        path = chosen.choice(PATHS)
        pairs = [*VALID.get(path, {}).items()]
        pairs += [(name, chosen.choice(VALUES)) for name in chosen.sample(NAMES, chosen.randint(0, 2))]
        if pairs and chosen.random() < 0.5:
            place = chosen.randrange(len(pairs))
            pairs[place] = pairs[place][0], chosen.choice(VALUES)
        query = "&".join(f"{name}={encode_value(value)}" for name, value in pairs)
        response = await client.get(f"{path}?{query}")
        statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
        assert response.status_code in {200, 400, 404}, (query, response.text)
        assert "set-cookie" not in response.headers
        assert all("\r" not in value and "\n" not in value for value in response.headers.values())
        assert "Traceback" not in response.text
        assert len(response.content) < 1_000_000
        if response.status_code != 200:
            (error,) = response.json()["errors"]
            assert error["extensions"]["code"] in {"BAD_USER_INPUT", "INVALID_SYMBOL", "UNKNOWN_SYMBOL"}
            assert len(error["message"]) < 500
        elif path == "/candles":
            rows = list(csv.reader(response.text.splitlines()))
            assert all(len(row) == len(COLUMNS) for row in rows)
            assert not any(cell.startswith(("=", "@", "+", "\t")) for row in rows for cell in row)
    assert min(statuses.get(status, 0) for status in (200, 400)) > 100


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
async def test_thousands_of_parameters_are_refused_or_ignored(client: httpx.AsyncClient, path: str) -> None:
    """The first one that does not belong there ends it."""
    response = await client.get(f"{path}?" + "&".join(f"a{number}=1" for number in range(5_000)))
    assert response.status_code in {200, 400}
    assert len(response.content) < 2_000


async def test_a_gateway_that_leaves_refuses_all_routes_and_says_when_to_come_back(
    gateway: Gateway, settings: GatewaySettings
) -> None:
    """As it does GraphQL, so that nginx asks another one; afterwards it answers again."""
    app = create_app(gateway, settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        for path in PATHS:
            app.graphql.connections.refusal = REFUSAL
            for method in ("GET", "HEAD"):
                refused = await client.request(method, path, params={"symbol": "BTC/USDT", "interval": "M1"})
                assert refused.status_code == 503
                assert refused.headers["retry-after"] == str(RETRY_AFTER_S)
                assert refused.headers["cache-control"] == "no-store"
                if method == "GET":
                    error = {"message": REFUSAL, "extensions": {"code": "SERVICE_UNAVAILABLE"}}
                    assert refused.json() == {"errors": [error]}
            app.graphql.connections.refusal = None
            assert (await client.get(path)).status_code != 503
