"""The fast path of known requests, step by step, and its exclusions."""

import asyncio
import json

import pytest
from structlog.typing import EventDict

from gateway.app import create_app
from gateway.cache_limits import SEEN_KEYS
from gateway.gateway import Gateway
from gateway.http.protocol import GatewayHttpProtocol
from gateway.http.request_cache import TURN_S, KnownRequest, RequestCache
from gateway.http.request_scanner import WholeRequest
from gateway.prepared_operation import PreparedOperation
from gateway.request import GraphQLRequest
from gateway.settings import GatewaySettings
from gateway.turn_budget import TurnBudget
from tests.gateway.fakes import wait_until
from tests.gateway.fixture_types import ReadyGateway
from tests.gateway.raw_socket import TIMEOUT_S
from tests.gateway.wire import ONE, asked, connected, learned, post, written


async def test_a_known_request_is_answered_in_the_same_step(gateway_with_rate: Gateway) -> None:
    """First by its content, then by all its bytes; with another head by its content again."""
    async with connected(gateway_with_rate) as (protocol, wire):
        await learned(protocol, wire)
        for number, request in enumerate([post(ONE), post(ONE), post(ONE, "X-Id: 5"), post(ONE)]):
            protocol.data_received(request)
            assert wire.answers() == number + 2


async def test_a_whole_request_that_is_not_known_is_looked_up_once(
    gateway_with_rate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ASGI path reads it without asking again."""
    found: list[WholeRequest] = []
    find = RequestCache.find

    def note(cache: RequestCache, request: WholeRequest) -> KnownRequest | None:
        found.append(request)
        return find(cache, request)

    monkeypatch.setattr(RequestCache, "find", note)
    async with connected(gateway_with_rate) as (protocol, wire):
        await asked(protocol, wire)
        assert len(found) == 1


async def test_in_portions_it_is_answered_all_the_same(gateway_with_rate: Gateway) -> None:
    """A body that comes later takes the ASGI path."""
    async with connected(gateway_with_rate) as (protocol, wire):
        await learned(protocol, wire)
        request = post(ONE)
        for place in (5, len(request) - 10):
            before = wire.answers()
            protocol.data_received(request[:place])
            protocol.data_received(request[place:])
            await wait_until(lambda seen=before: wire.answers() == seen + 1)  # type: ignore[misc]


async def test_many_at_once_are_answered_one_in_each_step(
    gateway_with_rate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each on the fast path, in order; what is no known request takes its turn on the ASGI path."""
    async with connected(gateway_with_rate) as (protocol, wire):
        await learned(protocol, wire)
        unknown = post("{ other: __typename }")
        cycles = 0
        begin = GatewayHttpProtocol._start_cycle

        def count(self: GatewayHttpProtocol, version: str) -> None:
            nonlocal cycles
            cycles += 1
            begin(self, version)

        monkeypatch.setattr(GatewayHttpProtocol, "_start_cycle", count)
        protocol.data_received(post(ONE) * 20 + unknown + post(ONE) * 3 + post(ONE)[:-1])
        assert not wire.is_read
        answers = [2]
        while wire.answers() < 25:
            assert wire.answers() <= answers[-1] + 1
            answers.append(wire.answers())
            await asyncio.sleep(0)
        assert written(wire).count(b'"other"') == 1
        assert written(wire).split(b"HTTP/1.1 ")[22].count(b'"other"') == 1
        # The unknown one.
        assert cycles == 1
        protocol.data_received(post(ONE)[-1:])
        await wait_until(lambda: wire.answers() == 26)
        assert wire.is_read


async def test_a_length_that_the_parser_refuses_ends_no_request(gateway_with_rate: Gateway) -> None:
    """The parser decides: with two lengths, or in chunks as well, nothing is answered."""
    async with connected(gateway_with_rate) as (first, wire):
        await learned(first, wire)
        whole = post(ONE)
        for more in (b"Content-Length: 1", b"Transfer-Encoding: chunked"):
            async with connected(gateway_with_rate) as (protocol, other):
                protocol.request_cache = first.request_cache
                head, _, body = whole.partition(b"\r\n\r\n")
                protocol.data_received(b"%b\r\n%b\r\n\r\n%b" % (head, more, body) + whole)
                assert other.is_closed
                assert written(other).startswith(b"HTTP/1.1 400 ")
                assert written(other).count(b"HTTP/1.1 ") == 1


async def test_a_client_that_reads_nothing_gets_nothing_more(gateway_with_rate: Gateway) -> None:
    """Writing waits for the reader, as on the ASGI path."""
    async with connected(gateway_with_rate) as (protocol, wire):
        await learned(protocol, wire)
        protocol.data_received(post(ONE))
        protocol.pause_writing()
        protocol.data_received(post(ONE))
        await asyncio.sleep(0)
        assert wire.answers() == 2
        protocol.resume_writing()
        await wait_until(lambda: wire.answers() == 3)


async def test_what_breaks_the_protocol_is_never_known(gateway_with_rate: Gateway) -> None:
    """A known request with something after it that is no HTTP is refused each time."""
    async with connected(gateway_with_rate) as (first, wire):
        await learned(first, wire)
        for _ in range(2):
            async with connected(gateway_with_rate) as (protocol, other):
                protocol.request_cache = first.request_cache
                protocol.data_received(post(ONE) + b"\0\0\0")
                assert other.is_closed
                assert b"400 Bad Request" in b"".join(other.written)


async def test_an_idle_connection_is_closed_on_the_fast_path_too(gateway_with_rate: Gateway) -> None:
    """Each answer begins the time anew."""
    async with connected(gateway_with_rate, timeout_keep_alive=1) as (protocol, wire):
        await learned(protocol, wire)
        protocol.data_received(post(ONE))
        protocol.data_received(post(ONE))
        began = protocol.loop.time()
        await wait_until(wire.is_closing)
        assert protocol.loop.time() - began >= 0.99
        assert wire.answers() == 3


async def test_half_a_head_times_out_after_the_fast_path(gateway_with_rate: Gateway) -> None:
    """Its time runs from its first byte."""
    async with connected(gateway_with_rate) as (protocol, wire):
        await learned(protocol, wire)
        protocol.data_received(post(ONE))
        protocol.data_received(post(ONE))
        protocol.data_received(b"POST /graphql HT")
        await wait_until(wire.is_closing)
        assert wire.written[-1].startswith(b"HTTP/1.1 408 ")


async def test_a_request_is_not_known_by_its_bytes_to_an_other_connection_that_is_amid_one(
    gateway_with_rate: Gateway,
) -> None:
    """The same bytes may be somebody's body."""
    async with connected(gateway_with_rate) as (protocol, wire):
        await learned(protocol, wire)
        protocol.data_received(post(ONE))
        inner = post(ONE)
        head = b"POST /graphql HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        before = wire.answers()
        protocol.data_received(head % len(inner))
        protocol.data_received(inner)
        await wait_until(lambda: b"400 Bad Request" in b"".join(wire.written))
        assert b"not JSON" in b"".join(wire.written)
        assert wire.answers() == before


async def test_a_failing_fast_path_leaves_the_request_to_the_asgi_path(
    gateway_with_rate: Gateway, structured_logs: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client gets its answer, and the log the reason."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    async with connected(gateway_with_rate) as (protocol, wire):
        await learned(protocol, wire)
        monkeypatch.setattr(RequestCache, "respond", fail)
        await asked(protocol, wire)
        assert [each["event"] for each in structured_logs if each["log_level"] == "error"] == [
            "short way failed"
        ]


async def test_a_stopped_gateway_lets_its_clients_go(ready_gateway: ReadyGateway) -> None:
    """Connections that used the fast path only are closed with all others."""
    async with ready_gateway() as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(served.http.rpartition(":")[2]))
        for _ in range(3):
            writer.write(post("{ rates { items { id } } }"))
            assert await reader.readuntil(b"}}}")
        served.stop.set()
        async with asyncio.timeout(TIMEOUT_S):
            assert await reader.read() == b""
            await served.done
        writer.close()


def _post_list(symbols: list[str]) -> bytes:
    document = "query Lists($s: [Symbol!]!) { rates(symbols: $s) { items { symbol ageMs } } }"
    body = json.dumps({"query": document, "variables": {"s": symbols}}).encode()
    head = "POST /graphql HTTP/1.1\r\nHost: here\r\nContent-Type: application/json"
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def test_another_list_of_a_known_document_is_answered_in_the_same_step(
    gateway_with_rate: Gateway,
) -> None:
    """When it comes again, it takes the ASGI path once, and is known like any other request."""
    async with connected(gateway_with_rate) as (protocol, wire):
        await learned(protocol, wire, _post_list([]))
        before = wire.answers()
        protocol.data_received(_post_list(["BTC/USDT"]))
        assert wire.answers() == before + 1
        assert b'"symbol":"BTC/USDT"' in wire.written[-1]
        protocol.data_received(_post_list(["BTC/USDT"]))
        assert wire.answers() == before + 1
        await wait_until(lambda: wire.answers() == before + 2)
        for number in (3, 4):
            protocol.data_received(_post_list(["BTC/USDT"]))
            assert wire.answers() == before + number


@pytest.mark.slow
async def test_a_client_that_never_repeats_itself_evicts_nothing(gateway_with_rate: Gateway) -> None:
    """Its lists are answered, again and again in the same order, and none of them is kept."""
    async with connected(gateway_with_rate) as (protocol, wire):
        await learned(protocol, wire, _post_list([]))
        cache = protocol.request_cache
        assert cache is not None
        kept = len(cache._prepared), len(cache._known)
        for _ in range(2):
            for number in range(2 * SEEN_KEYS + 1):
                protocol.data_received(_post_list([f"A{number}/USDT"]))
        assert (len(cache._prepared), len(cache._known)) == kept
        assert wire.answers() >= 4 * SEEN_KEYS


@pytest.mark.slow
async def test_heavy_requests_at_once_are_not_all_answered_in_one_turn(gateway_with_rate: Gateway) -> None:
    """Of other connections, light ones are. Heavy ones take their turn on the ASGI path."""
    heavy = post(
        "{" + " ".join(f"a{number}: rates {{ items {{ price ageMs }} }}" for number in range(40)) + "}"
    )
    app = create_app(gateway_with_rate, GatewaySettings(port=0, fast_path=True))
    async with (
        connected(gateway_with_rate, app) as (first, first_wire),
        connected(gateway_with_rate, app) as (second, second_wire),
    ):
        for request in (heavy, _post_list([]), post(ONE)):
            await learned(first, first_wire, request)
        cache = app.graphql.request_cache
        spent_s = 0.0

        def pass_time() -> float:
            nonlocal spent_s
            spent_s += 2 * TURN_S
            return spent_s

        cache._budget = TurnBudget(TURN_S, cpu_s=pass_time)
        lists = [_post_list(["BTC/USDT"] * count) for count in range(70, 74)]
        for one, other in [(heavy, heavy), (lists[0], lists[1]), (heavy, heavy), (lists[2], lists[3])]:
            first_wire.written.clear()
            second_wire.written.clear()
            first.data_received(one)
            second.data_received(other)
            first.data_received(post(ONE))
            assert (first_wire.answers(), second_wire.answers()) == (2, 0)
            await wait_until(lambda: (first_wire.answers(), second_wire.answers()) == (2, 1))


async def test_a_long_list_that_is_encoded_is_answered_in_a_turn_without_time(
    gateway_with_rate: Gateway,
) -> None:
    """On the ASGI path its answer would take ten times as long."""
    app = create_app(gateway_with_rate, GatewaySettings(port=0, fast_path=True))
    request = _post_list(["BTC/USDT"])
    async with connected(gateway_with_rate, app) as (protocol, wire):
        await learned(protocol, wire, request)
        cache = app.graphql.request_cache
        for _ in range(2):
            # The head is known the second time, and then all bytes.
            protocol.data_received(request)
        known_request = cache.find_raw(request)
        assert known_request is not None
        # As it would be with other symbols.
        cache._known.put(request, known_request._replace(is_light=False))
        cache._budget = TurnBudget(TURN_S, cpu_s=lambda: 0.0)
        cache._budget._spend(2 * TURN_S)
        wire.written.clear()
        protocol.data_received(request)
        assert wire.answers() == 1


async def test_a_document_that_is_removed_while_it_is_prepared_is_not_kept(
    gateway_with_rate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request in hand is answered; the next one is told that there is no such document."""
    app = create_app(gateway_with_rate, GatewaySettings(port=0, fast_path=True))
    body = b'{"documentId": "x-app:one"}'
    head = f"POST /graphql HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    request = head.encode() + b"\r\n\r\n" + body
    gateway_with_rate.documents.set_trusted({"x-app:one": ONE})
    async with connected(gateway_with_rate, app) as (protocol, wire):
        await asked(protocol, wire, request)
        prepare_in_turn = app.graphql.operations.prepare_in_turn

        async def remove_meanwhile(asked_for: GraphQLRequest, *_: object) -> PreparedOperation:
            prepared = await prepare_in_turn(asked_for)
            gateway_with_rate.documents.set_trusted({})
            return prepared

        with monkeypatch.context() as patched:
            patched.setattr(app.graphql.operations, "prepare_in_turn", remove_meanwhile)
            await asked(protocol, wire, request)
        assert b'"price":"100"' in wire.written[-1]
        for _ in range(2):
            await asked(protocol, wire, request)
            assert b"PersistedQueryNotFound" in wire.written[-1]
