"""CoinGecko's responses: exact prices, and errors in all their forms."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from pipeline.net.retry_after import DEFAULT_RETRY_AFTER
from pipeline.sources.coingecko.messages import parse_prices, response_error
from pipeline.sources.coingecko.symbols import MAX_TARGET_BYTES, price_requests
from pipeline.sources.coingecko.tickers import to_tickers
from pipeline.task import RequestedInstrument
from rates.clock import parse_ms
from rates.errors import SourceBlocked, SourceProtocolError, SourceRateLimited, SourceUnavailable
from rates.number import format_decimal
from rates.source import ObservedAtOrigin
from rates.symbol import parse_symbol
from tests.pipeline.fakes import START
from tests.pipeline.recordings import read_exchanges, recorded

JSON = {"content-type": "application/json; charset=utf-8"}
BODY = (
    b'{"bitcoin":{"usd":76975,"usd_24h_change":-1.409,"last_updated_at":1779092258},'
    b'"pepe":{"usd":3.97e-06,"usd_24h_change":null,"last_updated_at":1779092200},'
    b'"dead":{},"null-coin":{"usd":null,"last_updated_at":1779092200},"timeless":{"usd":1.10}}'
)
IDS = ["bitcoin", "pepe", "dead", "null-coin", "timeless", "missing"]


def wanted(*ids: str) -> list[RequestedInstrument]:
    return [RequestedInstrument(parse_symbol(f"{coin.upper()}/USD"), coin) for coin in ids]


def test_prices_are_exact_and_missing_ones_stay_missing() -> None:
    """Exponents are resolved, trailing zeros kept. An id without a price makes no ticker."""
    quotes, unreadable = parse_prices(BODY, IDS)
    made = {
        one.symbol.base: one for one in to_tickers(quotes, wanted(*IDS), received_at=START, simulated=False)
    }
    assert unreadable == []
    assert {base: format_decimal(one.price) for base, one in made.items()} == {
        "BITCOIN": "76975",
        "PEPE": "0.00000397",
        "TIMELESS": "1.10",
    }
    assert made["BITCOIN"].change_percent_24h == Decimal("-1.409")
    assert made["PEPE"].change_percent_24h is None
    assert made["BITCOIN"].volume_24h is None


def test_the_time_is_that_of_the_coin_or_else_ours() -> None:
    """Whole seconds on the wire. The origin tells them apart."""
    quotes, _ = parse_prices(BODY, IDS)
    bitcoin, timeless = to_tickers(quotes, wanted("bitcoin", "timeless"), received_at=START, simulated=False)
    assert (bitcoin.observed_at, bitcoin.observed_at_origin) == (
        parse_ms(1779092258000),
        ObservedAtOrigin.SOURCE,
    )
    assert (timeless.observed_at, timeless.observed_at_origin) == (START, ObservedAtOrigin.RECEIVED)


def test_a_price_of_zero_is_left_to_ingest() -> None:
    """Ingest rejects and counts it. It does not count as missing."""
    quotes, _ = parse_prices(b'{"bitcoin":{"usd":0}}', ["bitcoin"])
    (made,) = to_tickers(quotes, wanted("bitcoin"), received_at=START, simulated=False)
    assert made.price == 0


def test_one_unreadable_coin_does_not_affect_the_others() -> None:
    """Its id is returned, to be counted."""
    quotes, unreadable = parse_prices(b'{"bitcoin":{"usd":1},"pepe":{"usd":"x"}}', ["bitcoin", "pepe"])
    assert (list(quotes), unreadable) == (["bitcoin"], ["pepe"])


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", b'{"bitcoin":{"usd":1}', b'{"error":"coin not found"}']
)
def test_a_response_that_is_not_an_object_of_prices_is_an_error(body: bytes) -> None:
    """Never a missing price."""
    with pytest.raises(SourceProtocolError):
        parse_prices(body, ["bitcoin"])


RATE = b'{"status":{"error_code":429,"error_message":"You\'ve exceeded the Rate Limit."}}'


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (429, {**JSON, "retry-after": "119"}, RATE, SourceRateLimited),
        (429, {"content-type": "text/plain"}, b"Throttled", SourceRateLimited),
        (403, {"content-type": "text/html"}, b"error code: 1015", SourceRateLimited),
        (401, JSON, b'{"status":{"error_code":10002,"error_message":"API Key Missing."}}', SourceBlocked),
        (400, JSON, b'{"error":{"status":{"error_code":10010,"error_message":"pro key"}}}', SourceBlocked),
        (400, JSON, b'{"timestamp":"","error_code":10011,"status":{"error_message":""}}', SourceBlocked),
        (
            400,
            JSON,
            b'{"timestamp":"","error_code":10012,"status":{"error_message":""}}',
            SourceProtocolError,
        ),
        (403, {"content-type": "text/html"}, b"<!DOCTYPE html><html>Cloudflare", SourceBlocked),
        (451, {}, b"", SourceBlocked),
        (422, JSON, b'{"error":"Missing parameter ids"}', SourceProtocolError),
        (404, JSON, b'{"error":"coin not found"}', SourceProtocolError),
        (500, JSON, b'{"status":500,"error":"Internal Server Error"}', SourceUnavailable),
        (503, {"content-type": "text/html"}, b"<html>", SourceUnavailable),
        (408, JSON, b"", SourceUnavailable),
        (200, {"content-type": "text/html"}, b"<html>", SourceProtocolError),
        (302, {}, b"", SourceProtocolError),
    ],
)
def test_errors_are_classified_by_status_and_body(
    status: int, headers: dict[str, str], body: bytes, expected: type[Exception]
) -> None:
    """Status first, then content type, then the body, in all observed forms."""
    assert type(response_error(status, headers, body, START)) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("119", timedelta(seconds=119)),
        (None, DEFAULT_RETRY_AFTER),
        ("soon", DEFAULT_RETRY_AFTER),
        ("²", DEFAULT_RETRY_AFTER),
    ],
)
def test_a_rate_limit_has_an_end(header: str | None, expected: timedelta) -> None:
    """In seconds by the header. Without one, a minute, as measured."""
    headers = {} if header is None else {"retry-after": header}
    refused = response_error(429, headers, RATE, START)
    assert isinstance(refused, SourceRateLimited)
    assert refused.retry_at == START + expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"status":{"error_code":10002,"error_message":"API Key Missing."}}', SourceBlocked),
        (b'{"error":{"status":{"error_code":10005,"error_message":"plan"}}}', SourceBlocked),
        (b'{"timestamp":"x","error_code":10012,"status":{"error_message":"range"}}', SourceProtocolError),
        (RATE, SourceRateLimited),
        (b"Throttled", SourceRateLimited),
    ],
)
def test_an_error_with_status_200_is_an_error(body: bytes, expected: type[Exception]) -> None:
    """As observed. A rate limit starts a cooldown, as with its own status."""
    assert type(response_error(200, JSON, body, START)) is expected


def test_a_coin_called_status_or_error_is_a_coin() -> None:
    """`status` is the id of SNT."""
    body = b'{"status":{"usd":0.02,"last_updated_at":1779092258},"error-404":{"usd":1}}'
    assert response_error(200, JSON, body, START) is None
    quotes, _ = parse_prices(body, ["status", "error-404"])
    assert quotes.keys() == {"status", "error-404"}


@pytest.mark.parametrize("code", [10010, 10011])
def test_a_key_for_another_host_names_the_setting(code: int) -> None:
    """Not just a code."""
    body = f'{{"status":{{"error_code":{code},"error_message":"change your root URL"}}}}'.encode()
    refused = response_error(400, JSON, body, START)
    assert isinstance(refused, SourceBlocked)
    assert "RATEWIRE_COINGECKO_PLAN" in str(refused)
    assert "change your root URL" in str(refused)


def test_one_call_takes_as_many_ids_as_a_url_may_hold() -> None:
    """By its measured length. Every id is requested once, in as few calls as possible."""
    many = [
        RequestedInstrument(parse_symbol(f"A{number}/USD"), f"coin-{number:04d}") for number in range(1000)
    ]
    questions = list(price_requests(many))
    assert [one for question in questions for one in question.instruments] == many
    assert all(len(question.target) <= MAX_TARGET_BYTES for question in questions)
    assert len(questions) == 2
    assert len(questions[0].target) > MAX_TARGET_BYTES - 20
    assert len(list(price_requests(many[:500]))) == 1


def test_an_id_with_odd_characters_is_escaped() -> None:
    """Ids are slugs, but that is not guaranteed; a comma would make two ids."""
    (question,) = price_requests([RequestedInstrument(parse_symbol("A/USD"), "a,b c&d")])
    assert question.target.endswith("&ids=a%2Cb%20c%26d")


def test_a_successful_response_is_no_error() -> None:
    """200 with JSON."""
    assert response_error(200, JSON, BODY, START) is None


def test_equal_requests_have_equal_urls() -> None:
    """Sorted and without repetitions for caches; no space after a comma."""
    (question,) = price_requests(
        [*wanted("pepe", "bitcoin"), RequestedInstrument(parse_symbol("BTC/EUR"), "bitcoin")]
    )
    assert question.target.startswith("/simple/price?vs_currencies=eur,usd&")
    assert question.target.endswith("&ids=bitcoin,pepe")
    assert [str(one.symbol) for one in question.instruments] == ["BITCOIN/USD", "BTC/EUR", "PEPE/USD"]


def test_recorded_errors_are_errors() -> None:
    """As seen by others. None of them looks like a missing price."""
    for seen in json.loads(recorded("observed_errors.json").read_text()):
        status = seen.get("http_status")
        if seen["exchange"] == "coingecko" and status not in {200, None}:
            assert response_error(status, seen["headers"], seen["body"].encode(), START) is not None, seen


@pytest.mark.parametrize("name", ["coingecko_http_2021.jsonl.gz", "coingecko_http_2023_2025h1.jsonl.gz"])
def test_recorded_prices_are_read_digit_for_digit(name: str) -> None:
    """Every price of every recorded response equals the number in its text."""
    count = 0
    for exchange in read_exchanges(name):
        if "/simple/price" not in exchange["uri"]:
            continue
        body = exchange["body"].encode()
        if exchange["status"] != 200:
            assert response_error(exchange["status"], exchange["headers"], body, START) is not None
            continue
        texts = json.loads(body, parse_float=Decimal, parse_int=Decimal)
        quotes, unreadable = parse_prices(body, texts.keys())
        assert quotes == texts
        assert not unreadable
        count += len(quotes)
    assert count > 0
