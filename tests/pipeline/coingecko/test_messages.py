"""CoinGecko's answers: prices exactly, and refusals in all their shapes."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from pipeline.sources.coingecko.messages import DEFAULT_RETRY_AFTER, parse_prices, refusal_of
from pipeline.sources.coingecko.symbols import price_params
from pipeline.sources.coingecko.tickers import tickers_of
from pipeline.task import Wanted
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


def wanted(*ids: str) -> list[Wanted]:
    return [Wanted(parse_symbol(f"{coin.upper()}/USD"), coin) for coin in ids]


def test_prices_are_exact_and_missing_ones_stay_missing() -> None:
    """Exponents are spelt out, trailing zeros kept; an id without a price makes no ticker."""
    quotes, unreadable = parse_prices(BODY, IDS)
    made = {
        one.symbol.base: one for one in tickers_of(quotes, wanted(*IDS), received_at=START, simulated=False)
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


def test_the_time_is_the_coins_own_and_ours_only_where_it_has_none() -> None:
    """Whole seconds on the wire; the origin says which it is."""
    quotes, _ = parse_prices(BODY, IDS)
    bitcoin, timeless = tickers_of(quotes, wanted("bitcoin", "timeless"), received_at=START, simulated=False)
    assert (bitcoin.observed_at, bitcoin.observed_at_origin) == (
        parse_ms(1779092258000),
        ObservedAtOrigin.SOURCE,
    )
    assert (timeless.observed_at, timeless.observed_at_origin) == (START, ObservedAtOrigin.RECEIVED)


def test_a_price_of_zero_is_left_to_ingest() -> None:
    """It is refused and counted there; here it is not guessed to be missing."""
    quotes, _ = parse_prices(b'{"bitcoin":{"usd":0}}', ["bitcoin"])
    (made,) = tickers_of(quotes, wanted("bitcoin"), received_at=START, simulated=False)
    assert made.price == 0


def test_one_unreadable_coin_spoils_no_other() -> None:
    """It is named, so that it can be counted."""
    quotes, unreadable = parse_prices(b'{"bitcoin":{"usd":1},"pepe":{"usd":"x"}}', ["bitcoin", "pepe"])
    assert (list(quotes), unreadable) == (["bitcoin"], ["pepe"])


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", b'{"bitcoin":{"usd":1}', b'{"error":"coin not found"}']
)
def test_what_is_no_object_of_prices_is_an_error(body: bytes) -> None:
    """Never "no price"."""
    with pytest.raises(SourceProtocolError):
        parse_prices(body, ["bitcoin"])


def test_a_refusal_with_status_200_is_a_refusal() -> None:
    """Seen once in the field."""
    with pytest.raises(SourceBlocked):
        parse_prices(b'{"status":{"error_code":10002,"error_message":"API Key Missing."}}', ["bitcoin"])


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
def test_refusals_mean_what_their_status_and_body_say(
    status: int, headers: dict[str, str], body: bytes, expected: type[Exception]
) -> None:
    """Status first, then content type, then the body; all shapes seen in the field."""
    assert type(refusal_of(status, headers, body, START)) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("119", timedelta(seconds=119)),
        (None, DEFAULT_RETRY_AFTER),
        ("soon", DEFAULT_RETRY_AFTER),
        ("²", DEFAULT_RETRY_AFTER),
    ],
)
def test_a_refusal_for_rate_says_when_to_come_back(header: str | None, expected: timedelta) -> None:
    """In seconds by the header; without one, a minute, as measured."""
    headers = {} if header is None else {"retry-after": header}
    refused = refusal_of(429, headers, RATE, START)
    assert isinstance(refused, SourceRateLimited)
    assert refused.retry_at == START + expected


def test_a_good_answer_is_no_refusal() -> None:
    """200 with JSON."""
    assert refusal_of(200, JSON, BODY, START) is None


def test_the_same_question_has_the_same_url() -> None:
    """Sorted and without repetitions, so that caches know it again; no space after a comma."""
    params = dict(price_params([*wanted("pepe", "bitcoin"), Wanted(parse_symbol("BTC/EUR"), "bitcoin")]))
    assert (params["ids"], params["vs_currencies"]) == ("bitcoin,pepe", "eur,usd")


def test_recorded_error_answers_are_all_refusals() -> None:
    """Those seen in the field by others; none of them may look like "no price"."""
    for seen in json.loads(recorded("observed_errors.json").read_text()):
        status = seen.get("http_status")
        if seen["exchange"] == "coingecko" and status not in {200, None}:
            assert refusal_of(status, seen["headers"], seen["body"].encode(), START) is not None, seen


@pytest.mark.parametrize("name", ["coingecko_http_2021.jsonl.gz", "coingecko_http_2023_2025h1.jsonl.gz"])
def test_recorded_prices_are_read_digit_for_digit(name: str) -> None:
    """Every price of every recorded answer equals the number in its text."""
    count = 0
    for exchange in read_exchanges(name):
        if "/simple/price" not in exchange["uri"]:
            continue
        body = exchange["body"].encode()
        if exchange["status"] != 200:
            assert refusal_of(exchange["status"], exchange["headers"], body, START) is not None
            continue
        texts = json.loads(body, parse_float=Decimal, parse_int=Decimal)
        quotes, unreadable = parse_prices(body, texts.keys())
        assert quotes == texts
        assert not unreadable
        count += len(quotes)
    assert count > 0
