"""Selection of the response's media type by the `Accept` header. Pure.

Links: https://graphql.github.io/graphql-over-http/draft/, https://www.rfc-editor.org/rfc/rfc9110#name-accept
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from gateway.cache_limits import MAX_ACCEPT_HEADERS, MAX_ACCEPT_LENGTH
from gateway.prepared_operation import OperationKind


class MediaType(Enum):
    """The media types of responses."""

    RESPONSE = "application/graphql-response+json"
    JSON = "application/json"
    EVENTS = "text/event-stream"
    PARTS = "multipart/mixed"
    HTML = "text/html"

    # Members are compared by identity. `Enum` hashes the name in Python, for each response.
    __hash__ = object.__hash__


class MediaRange(NamedTuple):
    """One media range of an `Accept` header, and its parameters without `q`."""

    name: str
    quality: float
    parameters: frozenset[tuple[str, str]]


class Preference(NamedTuple):
    """The quality (0 to 1) of a media type, and whether the client named it or a wildcard."""

    quality: float
    named: bool


Accepted = tuple[MediaRange, ...]

# More than any client sends; further ranges are ignored.
MAX_RANGES = 50
_NOT_ACCEPTED = Preference(0, named=False)
_QUALITY = re.compile(r"(0(\.\d{0,3})?|1(\.0{0,3})?)\Z", re.ASCII)
# The pattern matches a whole string at once, even an unterminated one, so the time is linear.
_ITEM = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*+"?)++')
_SUBSCRIPTION_SPEC = ("subscriptionspec", "1.0")


def parse_accept(header: str | None) -> Accepted:
    """Parse the media ranges of the header, without unreadable ones.

    A missing or empty header accepts everything. What is beyond `MAX_ACCEPT_LENGTH` is ignored.
    """
    return _parse_accept(header and header[:MAX_ACCEPT_LENGTH])


@lru_cache(maxsize=MAX_ACCEPT_HEADERS)
def _parse_accept(header: str | None) -> Accepted:
    if header is None or not header.strip():
        return (MediaRange("*/*", 1, frozenset()),)
    return tuple(_read_ranges(header))


def _read_ranges(header: str) -> Iterator[MediaRange]:
    for item in islice(_ITEM.finditer(header), MAX_RANGES):
        name, *parameters = (part.strip() for part in item.group().split(";"))
        pairs = [part.partition("=") for part in parameters]
        named = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
        quality = named.pop("q", "1")
        if "/" in name and _QUALITY.match(quality):
            yield MediaRange(name.lower(), float(quality), frozenset(named.items()))


@lru_cache(maxsize=MAX_ACCEPT_HEADERS)
def choose(accepted: Accepted, kind: OperationKind | None) -> MediaType | None:
    """Return the media type for the response to an operation of that kind, or `None`.

    Clients list streams beside JSON in every request, so a single result becomes a stream only if the client prefers that. A
    subscription needs a stream that the client names: a client of JSON would wait for its end for ever.
    """
    streams = [_events(accepted), _parts(accepted)]
    if kind is OperationKind.SUBSCRIPTION:
        named = [each for each in streams if each[1].named and each[1].quality]
        return max(named, key=_rank)[0] if named else None
    json = _json(accepted)
    best, preference = max([json, *streams], key=_rank)
    return best if preference.quality else None


def wants_page(accepted: Sequence[MediaRange]) -> bool:
    """Tell whether the client prefers HTML to data."""
    page = _prefer(accepted, MediaType.HTML)
    data = (_json(accepted), _events(accepted), _parts(accepted))
    return page.named and all(page.quality > preference.quality for _, preference in data)


def accepts_json(accepted: Sequence[MediaRange]) -> bool:
    """Tell whether the client accepts a response in JSON."""
    return _json(accepted)[1].quality > 0


def accepts_only_events(accepted: Sequence[MediaRange]) -> bool:
    """Tell whether the client accepts event streams and no JSON, as a browser's EventSource."""
    return _events(accepted)[1].named and not accepts_json(accepted)


def choose_json(accepted: Sequence[MediaRange]) -> MediaType:
    """Return the JSON type for an error, sent even to clients that accept none."""
    return _json(accepted)[0]


def _json(accepted: Sequence[MediaRange]) -> tuple[MediaType, Preference]:
    # The newer type changes the meaning of status codes, so only clients that name it get it.
    response, json = _prefer(accepted, MediaType.RESPONSE), _prefer(accepted, MediaType.JSON)
    if response.quality > json.quality or (response.named and response.quality == json.quality > 0):
        return MediaType.RESPONSE, response
    return MediaType.JSON, json


def _events(accepted: Sequence[MediaRange]) -> tuple[MediaType, Preference]:
    return MediaType.EVENTS, _prefer(accepted, MediaType.EVENTS)


def _parts(accepted: Sequence[MediaRange]) -> tuple[MediaType, Preference]:
    """Return the preference for multipart.

    Multipart has incompatible variants, so the client must name this one.
    """
    spoken = [each for each in accepted if _SUBSCRIPTION_SPEC in each.parameters]
    return MediaType.PARTS, _prefer(spoken, MediaType.PARTS)


def _rank(candidate: tuple[MediaType, Preference]) -> tuple[float, bool]:
    return candidate[1].quality, candidate[1].named


def _prefer(accepted: Sequence[MediaRange], media: MediaType) -> Preference:
    """Return the preference by the most specific range that covers the type."""
    for name in (media.value, media.value.partition("/")[0] + "/*", "*/*"):
        qualities = [each.quality for each in accepted if each.name == name]
        if qualities:
            return Preference(max(qualities), name == media.value)
    return _NOT_ACCEPTED
