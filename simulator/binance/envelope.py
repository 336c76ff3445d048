"""JSON envelopes of the WebSocket API: parses requests, formats answers [exchanges.md 1.6].

Pure.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from simulator.binance.errors import BinanceError, bad_request
from simulator.binance.requests import METHODS

LONGEST_ID = 36
_RETURN_LIMITS = "returnRateLimits"

RequestId = int | str | None


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `shows_limits` is None if the request does not set it."""

    id: RequestId
    method: str
    params: Mapping[str, object]
    shows_limits: bool | None


def parse_object(message: str | bytes) -> dict[str, object]:
    """Parse the JSON object of a message.

    Raises:
        BinanceError: not JSON, or not an object.
    """
    try:
        request = json.loads(message)
    except ValueError as exc:
        raise bad_request("Invalid JSON request.") from exc
    if not isinstance(request, dict):
        raise bad_request("Invalid JSON request; expected an object.")
    return request


def parse_id(request: Mapping[str, object]) -> RequestId:
    """Return the request's id, which the answer repeats.

    Raises:
        BinanceError: neither an integer nor a short string nor null.
    """
    found = request.get("id")
    if found is None or (isinstance(found, int) and not isinstance(found, bool)):
        return found
    if isinstance(found, str) and len(found) <= LONGEST_ID:
        return found
    raise bad_request("Invalid 'id' in JSON request; expected an integer, a string or null.")


def parse_request(request: Mapping[str, object], request_id: RequestId) -> Request:
    """Parse method and parameters.

    Raises:
        BinanceError: a missing or unknown method, or params that are not an object.
    """
    method = request.get("method")
    if not isinstance(method, str):
        raise bad_request("Invalid 'method' in JSON request; expected a string.")
    params = request.get("params", {})
    if not isinstance(params, dict):
        raise bad_request("Invalid 'params' in JSON request; expected an object.")
    name = method.removeprefix("v3/")
    if name not in METHODS:
        # No source shows the text for this case; the code is the one for unreadable requests.
        raise bad_request(f"Unknown method '{method}' in JSON request.")
    limits = params.get(_RETURN_LIMITS)
    rest = {key: value for key, value in params.items() if key != _RETURN_LIMITS}
    return Request(request_id, name, rest, limits if isinstance(limits, bool) else None)


def format_result(request_id: RequestId, result: object, limits: object) -> str:
    """Format a success; without `limits` there is no rateLimits field."""
    return _format({"id": request_id, "status": 200, "result": result}, limits)


def format_error(request_id: RequestId, error: BinanceError, limits: object, now_ms: int) -> str:
    """Format an error; a rate-limit refusal carries the retry time in epoch ms."""
    body: dict[str, object] = {"code": error.code, "msg": error.message}
    if error.retry_at_ms is not None:
        body["data"] = {"serverTime": now_ms, "retryAfter": error.retry_at_ms}
    return _format({"id": request_id, "status": error.status, "error": body}, limits)


def rate_limits(limit: int, count: int) -> list[dict[str, object]]:
    """The rateLimits array of an answer."""
    return [
        {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": limit,
            "count": count,
        }
    ]


def _format(envelope: dict[str, object], limits: object) -> str:
    if limits is not None:
        envelope["rateLimits"] = limits
    return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False)
