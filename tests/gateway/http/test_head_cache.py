"""Known heads: every request is read as the scanner reads it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http import head_cache
from gateway.http.head_cache import HeadCache
from gateway.http.request_scanner import RequestScanner, WholeRequest
from tests.gateway.http.test_request_scanner import BODY, CHUNKED, FOUND, OTHERS, REQUEST, mutations
from tests.lengths import at_length

OTHER = b'{"query": "{ sources {id} }"}'[:27]


WITH_KEY = REQUEST.replace(b"User-Agent: one", b"Authorization: Bearer rw_one")


@pytest.mark.parametrize("data", [REQUEST, CHUNKED, WITH_KEY, *OTHERS.values()])
def test_a_request_is_read_in_the_same_way_each_time(data: bytes) -> None:
    """Also the one with its head and another body, or more behind it."""
    heads = HeadCache()
    for each in (data, data, data, REQUEST, data[: -len(BODY)] + OTHER, data + b"\r\n", data + b"7", data):
        assert heads.read(each) == RequestScanner().scan(each)


@pytest.mark.slow
@settings(max_examples=at_length(300), deadline=None)
@given(requests=st.lists(mutations(), min_size=1, max_size=4))
def test_what_heads_are_known_makes_no_difference(requests: list[bytes]) -> None:
    """Whole requests, broken ones, and those with another body behind the same head."""
    heads = HeadCache()
    for data in [*requests, *requests, *requests, *[each[:-5] + b"12345" for each in requests]]:
        assert heads.read(data) == RequestScanner().scan(data)


def test_a_known_head_has_the_key_that_is_in_it() -> None:
    """Without it, or with another one, it is another head."""
    heads = HeadCache()
    for _ in range(3):
        for data in (WITH_KEY, WITH_KEY.replace(b"rw_one", b"rw_two"), REQUEST):
            found = heads.read(data)
            assert found == RequestScanner().scan(data)
            assert found is not None
            assert bool(found.credentials) == (data is not REQUEST)


def test_a_head_is_scanned_until_it_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One with a trace id of its own is not kept."""
    scanned: list[bytes] = []

    class CountingScanner(RequestScanner):
        def scan(self, data: bytes) -> WholeRequest | None:
            scanned.append(data)
            return super().scan(data)

    monkeypatch.setattr(head_cache, "RequestScanner", CountingScanner)
    heads = HeadCache()
    for _ in range(5):
        assert heads.read(REQUEST) == FOUND
    assert len(scanned) == 2
    for number in range(5):
        heads.read(REQUEST.replace(b"00-1", b"00-%d" % (number + 10)))
    assert len(scanned) == 7
