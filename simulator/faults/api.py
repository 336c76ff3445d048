"""HTTP API of the faults: GET lists, POST injects, DELETE heals.

JSON only, so that no web page can post to it.
"""

import json
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.faults.active_faults import ActiveFaults
from simulator.faults.fault import InvalidFault, parse_source
from simulator.faults.kinds import KINDS
from simulator.sources import SOURCES

FAULTS_PATH = "/simulator/faults"
LARGEST_REQUEST = 64 * 1024


class FaultApi:
    """The three methods on `/simulator/faults`."""

    def __init__(
        self, active_faults: ActiveFaults, symbol_names: Callable[[], dict[str, dict[str, str]]]
    ) -> None:
        self._active_faults = active_faults
        self._symbol_names = symbol_names

    def routes(self) -> list[Route]:
        """The collection's routes and the one of a single fault."""
        return [
            Route(FAULTS_PATH, self._list, methods=["GET"]),
            Route(FAULTS_PATH, self._put, methods=["POST"]),
            Route(FAULTS_PATH, self._heal, methods=["DELETE"]),
            Route(FAULTS_PATH + "/{fault_id}", self._heal, methods=["DELETE"]),
        ]

    async def _list(self, _request: Request) -> Response:
        return JSONResponse({"faults": self.status(), "kinds": _catalogue()})

    async def _put(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _refused(415, "content-type", request.headers.get("content-type"), "application/json")
        body = await request.body()
        try:
            request_body = json.loads(body[:LARGEST_REQUEST])
        except ValueError:
            return _refused(400, "body", body[:100].decode(errors="replace"), "a JSON object")
        if not isinstance(request_body, dict):
            return _refused(400, "body", request_body, "a JSON object")
        names = self._symbol_names()
        try:
            fault = self._active_faults.inject(
                request_body, lambda source, name: names.get(source, {}).get(name)
            )
        except InvalidFault as error:
            return _refused(400, error.field, error.seen, error.expected)
        return JSONResponse({"fault": fault.status(self._active_faults.clock())}, 201)

    async def _heal(self, request: Request) -> Response:
        fault_id = request.path_params.get("fault_id")
        source = request.query_params.get("source")
        try:
            wanted = None if source is None else parse_source(source)
        except InvalidFault as error:
            return _refused(400, error.field, error.seen, error.expected)
        if fault_id is not None and not fault_id.isdecimal():
            return _refused(400, "id", fault_id, "a number")
        number = None if fault_id is None else int(fault_id)
        if number is not None and all(fault.id != number for fault in self._active_faults.all()):
            on = [str(fault.id) for fault in self._active_faults.all()]
            return _refused(404, "id", number, on or "nothing: no fault is on")
        now_ns = self._active_faults.clock()
        healed = self._active_faults.heal(source=wanted, fault_id=number)
        return JSONResponse({"healed": [fault.status(now_ns) for fault in healed]})

    def status(self) -> list[dict[str, object]]:
        """The active faults as JSON values."""
        now_ns = self._active_faults.clock()
        return [fault.status(now_ns) for fault in self._active_faults.all()]


def _refused(status: int, field: str, seen: object, expected: object) -> Response:
    return JSONResponse({"error": {"field": field, "seen": seen, "expected": expected}}, status)


def _catalogue() -> list[dict[str, object]]:
    return [
        {
            "fault": kind.name,
            "what": kind.what,
            "sources": [source for source in SOURCES if source in kind.sources],
            "by_symbol": kind.by_symbol,
            "parameters": {
                name: {
                    "default": parameter.default,
                    "what": parameter.what,
                    **({"words": parameter.words} if parameter.words else {}),
                }
                for name, parameter in kind.parameters.items()
            },
        }
        for kind in KINDS.values()
    ]
