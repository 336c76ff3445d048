"""CoinGecko's error answers, each in its observed shape [exchanges.md 2.5]."""

from collections.abc import Mapping
from datetime import UTC, datetime

from simulator.nanotime import SECOND


class CoinGeckoError(Exception):
    """An error answer: HTTP status, JSON body and further headers."""

    def __init__(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, dict(headers or {})
        super().__init__(f"{status}: {body}")


def plain(status: int, message: str) -> CoinGeckoError:
    """An error of the form `{"error":"Missing parameter ids"}`."""
    return CoinGeckoError(status, {"error": message})


def rate_limited(retry_after_seconds: int) -> CoinGeckoError:
    """429 with `retry-after`."""
    message = (
        "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing"
        " to subscribe to our API plans for higher rate limits."
    )
    return CoinGeckoError(
        429,
        {"status": {"error_code": 429, "error_message": message}},
        {"retry-after": str(retry_after_seconds)},
    )


def coded(status: int, code: int, message: str, now_ns: int) -> CoinGeckoError:
    """An error of the form `{"status":{"timestamp":..,"error_code":10002,"error_message":..}}`."""
    timestamp = datetime.fromtimestamp(now_ns / SECOND, UTC).isoformat(timespec="milliseconds")
    return CoinGeckoError(
        status, {"status": {"timestamp": timestamp, "error_code": code, "error_message": message}}
    )
