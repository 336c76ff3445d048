"""Heads of requests: other protocols, old versions, hosts and encodings."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator

import pytest

from cache.memory import MemoryCache
from gateway.http.request_head import encode_without_upgrade, find_head_error
from tests.gateway.fixture_types import BuildTicker, ReadyGateway, Served

TIMEOUT_S = 60
BODY = b'{"query":"{ __typename }"}'
ANSWER = b'{"data":{"__typename":"Query"}}'
# Java's HttpClient sends these by default with its first request, `curl --http2` too.
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nUpgrade: h2c\r\n"
HANDSHAKE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"
VERSION = b"Sec-WebSocket-Version: 13\r\n"


@pytest.fixture
async def served(ready_gateway: ReadyGateway) -> AsyncIterator[Served]:
    async with ready_gateway() as served:
        yield served


def get(*lines: bytes, target: bytes = b"/graphql?query=%7B__typename%7D", version: bytes = b"1.1") -> bytes:
    return b"GET %b HTTP/%b\r\n%b\r\n" % (target, version, b"".join(lines))


def post(*lines: bytes, body: bytes = BODY, host: bytes = b"Host: here\r\n") -> bytes:
    head = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    return b"POST /graphql HTTP/1.1\r\n%b%b%b\r\n%b" % (host, b"".join(lines), head, body)


async def ask(served: Served, *pieces: bytes) -> bytes:
    """Send the pieces as separate packets, and return all that comes until the connection ends."""
    port = int(served.http.rpartition(":")[2])
    async with asyncio.timeout(TIMEOUT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        answer = await reader.read()
        writer.close()
    return answer


CLOSE = b"Host: here\r\nConnection: close\r\n"
LAST = get(CLOSE)


async def run_curl(*arguments: str) -> bytes:
    curl = shutil.which("curl")
    assert curl is not None, "curl is not installed"
    process = await asyncio.create_subprocess_exec(
        curl, "--silent", "--show-error", "--max-time", "10", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output


async def test_curl_that_offers_http_2_is_answered_in_http_1_1(served: Served) -> None:
    """By POST and by GET, by twice the same request on one connection, and as an event stream."""
    url = f"{served.http}/graphql"
    data = ("--header", "content-type: application/json", "--data", BODY.decode())
    assert await run_curl("--http2", *data, url) == ANSWER
    assert await run_curl("--http2", *data, url, "--next", "--silent", "--http2", *data, url) == ANSWER * 2
    got = await run_curl("--http2", "--get", "--data-urlencode", "query={ __typename }", url)
    assert got == ANSWER
    accept = ("--header", "accept: text/event-stream")
    assert b"event: complete" in await run_curl("--http2", *accept, *data, url)


@pytest.mark.parametrize(
    "offer",
    [
        H2C,
        H2C.replace(b"h2c", b"TLS/1.0"),
        H2C.replace(b"h2c", b"websocket"),
        H2C.replace(b"h2c", b"h2c, websocket"),
    ],
    ids=["h2c", "TLS", "websocket by POST", "a list"],
)
async def test_an_offer_of_another_protocol_is_ignored_and_the_body_read(
    served: Served, offer: bytes
) -> None:
    """Whole, in pieces of a byte, and with a pipelined request behind it."""
    whole = post(offer)
    for pieces in ([whole + LAST], [whole[n : n + 1] for n in range(len(whole))] + [LAST]):
        answer = await ask(served, *pieces)
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        assert answer.count(ANSWER) == 2


async def test_an_offer_of_another_protocol_leaves_a_chunked_body_whole(served: Served) -> None:
    """And the request cache gives the same answer to the known request without it."""
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    head = b"POST /graphql HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    for _ in range(4):
        answer = await ask(served, head + H2C + b"\r\n" + chunks + post() + LAST)
        assert answer.count(ANSWER) == 3


async def test_http_1_0_offers_nothing(served: Served) -> None:
    """Its `Upgrade` is ignored, that of a WebSocket too [RFC 9110, 7.8]."""
    answer = await ask(served, get(b"Host: here\r\n", HANDSHAKE, VERSION, version=b"1.0"))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(ANSWER)


@pytest.mark.parametrize("accept", [b"text/event-stream", b"multipart/mixed;subscriptionSpec=1.0"])
async def test_a_stream_to_http_1_0_has_no_chunks(
    served: Served, cache: MemoryCache, ticker: BuildTicker, accept: bytes
) -> None:
    """It is closed at its end; nor does such a client hear `100 Continue`."""
    await cache.write([ticker()])
    lines = b"Accept: %b\r\nExpect: 100-continue\r\n" % accept
    answer = await ask(served, get(lines, version=b"1.0"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"transfer-encoding" not in head.lower()
    assert b"content-length" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body.startswith((b"retry: ", b"\r\n--graphql"))
    assert ANSWER in body
    assert body.endswith((b"event: complete\ndata:\n\n", b"--graphql--\r\n"))


async def test_a_live_stream_to_http_1_0_is_plain(
    ready_gateway: ReadyGateway, cache: MemoryCache, ticker: BuildTicker
) -> None:
    """Event by event, until the server stops."""
    await cache.write([ticker(price="1", sequence=1)])
    async with ready_gateway() as served:
        port = int(served.http.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        target = b"/graphql?query=subscription%7Brates%7Bitems%7Bprice%7D%7D%7D"
        writer.write(get(b"Accept: text/event-stream\r\n", target=target, version=b"1.0"))
        async with asyncio.timeout(TIMEOUT_S):
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"chunked" not in head.lower()
            first = await reader.readuntil(b"}\n\n")
            assert first.startswith(b"retry: ")
            await cache.write([ticker(price="2", sequence=2)])
            second = await reader.readuntil(b"\n\n")
            assert second.startswith(b"event: next\nid: ")
            served.stop.set()
            assert b"complete" not in await reader.read()
        writer.close()


@pytest.mark.parametrize(
    "hosts",
    [
        b"",
        b"Host: a b\r\n",
        b"Host: a\r\nHost: a\r\n",
        b"Host: http://a/\r\n",
        b"Host: a:b\r\n",
        b"Host: \xff\r\n",
    ],
    ids=["none", "a space", "two", "an address", "a port of letters", "a byte"],
)
async def test_a_request_without_one_good_host_is_400(served: Served, hosts: bytes) -> None:
    """By POST, GET and the handshake of a WebSocket, in words, and however often it comes."""
    for request in (post(host=hosts), get(hosts), get(hosts, HANDSHAKE, VERSION), post(H2C, host=hosts)):
        for _ in range(3):
            answer = await ask(served, request)
            assert answer.startswith(b"HTTP/1.1 400 Bad Request")
            error = json.loads(answer.partition(b"\r\n\r\n")[2])["errors"][0]
            assert error["message"].startswith("`Host` is ")
            assert error["extensions"] == {"code": "BAD_REQUEST"}


async def test_earlier_requests_are_answered_before_a_refusal(served: Served) -> None:
    """In the order of the requests on a connection."""
    answer = await ask(served, post() + get(b""))
    assert answer.index(b"200 OK") < answer.index(ANSWER) < answer.index(b"400 Bad Request")


@pytest.mark.parametrize("host", ["here", "", "here:8000", "[::1]:8000", "a_b.example", "x%20y", "1.2.3.4:"])
def test_a_host_of_any_allowed_form_is_taken(host: str) -> None:
    """RFC 3986, 3.2.2; empty where the target has no authority."""
    assert find_head_error("1.1", [(b"host", host.encode())]) is None


@pytest.mark.parametrize(
    ("encoding", "status"),
    [
        (b"gzip, chunked", b"501 Not Implemented"),
        (b"gzip\r\nTransfer-Encoding: chunked", b"501 Not Implemented"),
        (b"chunked, chunked", b"400 Bad Request"),
        (b"gzip", b"400 Bad Request"),
        (b"chunked, gzip", b"400 Bad Request"),
    ],
)
async def test_a_body_in_another_transfer_coding_is_refused(
    served: Served, encoding: bytes, status: bytes
) -> None:
    """Read as if it were plain, it would be something else."""
    head = b"POST /graphql HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nTransfer-Encoding: %b\r\n\r\n"
    answer = await ask(served, head % encoding + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"connection: close" in answer.lower()


async def test_http_1_0_has_no_transfer_coding(served: Served) -> None:
    """Its framing counts as faulty [RFC 9112, 6.1]."""
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    head = b"POST /graphql HTTP/1.0\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await ask(served, head + chunks)).startswith(b"HTTP/1.1 400 Bad Request")


@pytest.mark.parametrize(
    "version", [b"", b"Sec-WebSocket-Version: 8\r\n", VERSION * 2], ids=["none", "8", "twice"]
)
async def test_a_websocket_of_another_version_is_426_with_ours(served: Served, version: bytes) -> None:
    """RFC 6455, 4.4, so that the client can try again."""
    answer = await ask(served, get(b"Host: here\r\n", HANDSHAKE, version))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 426 Upgrade Required")
    assert b"sec-websocket-version: 13" in head.lower()
    assert b"upgrade: websocket" in head.lower()
    assert "expected 13" in json.loads(body)["errors"][0]["message"]


async def test_connect_is_refused(served: Served) -> None:
    """The gateway is no proxy."""
    answer = await ask(served, b"CONNECT here:443 HTTP/1.1\r\nHost: here:443\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 4")


def test_a_head_without_upgrade_keeps_all_else() -> None:
    """Header by header, with the other options of the connection."""
    headers = [
        (b"host", b"here"),
        (b"connection", b"close, Upgrade"),
        (b"connection", b"HTTP2-Settings"),
        (b"upgrade", b"h2c"),
        (b"content-length", b"3"),
    ]
    assert encode_without_upgrade(b"POST", b"/a?b", "1.1", headers) == (
        b"POST /a?b HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-length: 3\r\n\r\n"
    )
