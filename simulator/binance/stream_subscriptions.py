"""Subscriptions of one stream connection and its control messages [exchanges.md 1.2].

Pure text in, text out.
"""

import json
from collections.abc import Iterable, Mapping

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
INT64 = 1 << 63
LONGEST_ID = 36


class ControlError(Exception):
    """A refused control message, with one of the stream service's own codes 0 to 4."""

    def __init__(self, code: int, message: str, request_id: object = None) -> None:
        self.code, self.message, self.request_id = code, message, request_id
        super().__init__(f"{code}: {message}")


class StreamSubscriptions:
    """Streams in order of subscription, and whether payloads are wrapped."""

    def __init__(
        self, streams: Iterable[str], *, combined: bool, limit: int, nested_errors: bool = False
    ) -> None:
        self.streams: dict[str, None] = dict.fromkeys(streams)
        self.combined = combined
        self._limit = limit
        self._nested_errors = nested_errors

    def control(self, message: str | bytes) -> str:
        """Execute one control message and return its answer, which is never wrapped."""
        try:
            request = _parse(message)
            return _dump({"result": self._execute(request), "id": request.get("id")})
        except ControlError as error:
            return _dump(self._error(error))

    def _execute(self, request: Mapping[str, object]) -> object:
        params = request.get("params", [])
        match request["method"]:
            case "SUBSCRIBE":
                self._subscribe(_streams(params), request.get("id"))
            case "UNSUBSCRIBE":
                for stream in _streams(params):
                    self.streams.pop(stream, None)
            case "LIST_SUBSCRIPTIONS":
                return list(self.streams)
            case "SET_PROPERTY":
                self._set_property(params, request.get("id"))
            case _:
                _property(params, request.get("id"), 1)
                return self.combined
        return None

    def _subscribe(self, streams: list[str], request_id: object) -> None:
        # The real service accepts unknown names and publishes nothing for them.
        if len(self.streams.keys() | set(streams)) > self._limit:
            raise ControlError(4, "Too many subscriptions", request_id)
        self.streams.update(dict.fromkeys(streams))

    def _set_property(self, params: object, request_id: object) -> None:
        value = _property(params, request_id, 2)[1]
        if not isinstance(value, bool):
            raise ControlError(1, "Invalid value type: expected Boolean")
        self.combined = value

    def _error(self, error: ControlError) -> dict[str, object]:
        body: dict[str, object] = {"code": error.code, "msg": error.message}
        # Code 4 was only observed nested (unicorn-binance-websocket-api issue 17).
        if self._nested_errors or error.code == 4:
            return {"error": body, "id": error.request_id}
        return {**body, "id": error.request_id} if error.code == 0 else body


def _parse(message: str | bytes) -> Mapping[str, object]:
    try:
        request = json.loads(message)
    except json.JSONDecodeError as exc:
        raise ControlError(
            3, f"Invalid JSON: expected value at line {exc.lineno} column {exc.colno}"
        ) from exc
    except ValueError as exc:
        raise ControlError(3, "Invalid JSON: expected UTF-8") from exc
    if not isinstance(request, dict):
        raise ControlError(2, "Invalid request: expected an object")
    _check_id(request.get("id"))
    if "method" not in request:
        raise ControlError(2, "Invalid request: missing field `method` at line 1 column 1")
    if request["method"] not in METHODS:
        names = ", ".join(f"`{name}`" for name in METHODS)
        raise ControlError(
            2, f"Invalid request: unknown variant `{request['method']}`, expected one of {names}"
        )
    return request


def _check_id(request_id: object) -> None:
    if request_id is None:
        return
    if isinstance(request_id, int) and not isinstance(request_id, bool) and -INT64 <= request_id < INT64:
        return
    if isinstance(request_id, str) and len(request_id) <= LONGEST_ID and request_id.isalnum():
        return
    raise ControlError(2, "Invalid request: request ID must be an integer, an alphanumeric string or null")


def _streams(params: object) -> list[str]:
    if not isinstance(params, list) or not all(isinstance(stream, str) for stream in params):
        raise ControlError(2, "Invalid request: params must be a list of stream names")
    return params


def _property(params: object, request_id: object, count: int) -> list[object]:
    if not isinstance(params, list) or len(params) < count:
        raise ControlError(2, "Invalid request: missing parameters")
    if len(params) > count:
        raise ControlError(2, "Invalid request: too many parameters")
    if not isinstance(params[0], str):
        raise ControlError(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise ControlError(0, "Unknown property", request_id)
    return params


def _dump(answer: object) -> str:
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False)
