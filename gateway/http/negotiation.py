"""Chooses the media type of an answer from the client's `Accept` header. Pure.

Links: https://graphql.github.io/graphql-over-http/draft/, https://www.rfc-editor.org/rfc/rfc9110#name-accept
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from gateway.cache_limits import MAX_ACCEPT_HEADERS
from gateway.operations import OperationKind


class MediaType(Enum):
    """What an answer can be written as."""

    RESPONSE = "application/graphql-response+json"
    JSON = "application/json"
    EVENTS = "text/event-stream"
    PARTS = "multipart/mixed"
    HTML = "text/html"


class MediaRange(NamedTuple):
    """One media range of an `Accept` header; `parameters` are its own, without `q`."""

    name: str
    quality: float
    parameters: frozenset[tuple[str, str]]


class Preference(NamedTuple):
    """How much a client wants a media type, 0 to 1, and whether it named it or a wildcard."""

    quality: float
    named: bool


Accepted = tuple[MediaRange, ...]

# More than any client sends; the rest of an absurd header is not worth reading.
MAX_RANGES = 50
_NOT_ACCEPTED = Preference(0, named=False)
_QUALITY = re.compile(r"(0(\.\d{0,3})?|1(\.0{0,3})?)\Z", re.ASCII)
# Strings are taken in one piece, unfinished ones too, so that the time is linear.
_ITEM = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*+"?)++')
_SUBSCRIPTION_SPEC = ("subscriptionspec", "1.0")


@lru_cache(maxsize=MAX_ACCEPT_HEADERS)
def parse_accept(header: str | None) -> Accepted:
    """The media ranges of the header. Without one, or with an empty one, everything is welcome; unreadable ranges are left out."""
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
    """The media type for the answer to an operation of that kind; `None` if no possible one is accepted.

    Clients list streams beside JSON in every request, so an answer that is one becomes a stream only for a client that wants
    JSON less. An answer that goes on can only be a stream, for a client that names one: another would wait for its end for ever.
    """
    streams = [_events(accepted), _parts(accepted)]
    if kind is OperationKind.SUBSCRIPTION:
        named = [each for each in streams if each[1].named and each[1].quality]
        return max(named, key=_rank)[0] if named else None
    json = _json(accepted)
    best, preference = max([json, *streams], key=_rank)
    return best if preference.quality else None


def wants_page(accepted: Sequence[MediaRange]) -> bool:
    """Whether the client wants a page for people more than any data."""
    page = _prefer(accepted, MediaType.HTML)
    data = (_json(accepted), _events(accepted), _parts(accepted))
    return page.named and all(page.quality > preference.quality for _, preference in data)


def accepts_json(accepted: Sequence[MediaRange]) -> bool:
    """Whether the client can read an answer in JSON."""
    return _json(accepted)[1].quality > 0


def choose_json(accepted: Sequence[MediaRange]) -> MediaType:
    """The form of JSON for an error: an answer that cannot be read is better than none."""
    return _json(accepted)[0]


def _json(accepted: Sequence[MediaRange]) -> tuple[MediaType, Preference]:
    # The newer type changes what status codes mean: it is for those who name it. Nobody else is surprised.
    response, json = _prefer(accepted, MediaType.RESPONSE), _prefer(accepted, MediaType.JSON)
    if response.quality > json.quality or (response.named and response.quality == json.quality > 0):
        return MediaType.RESPONSE, response
    return MediaType.JSON, json


def _events(accepted: Sequence[MediaRange]) -> tuple[MediaType, Preference]:
    return MediaType.EVENTS, _prefer(accepted, MediaType.EVENTS)


def _parts(accepted: Sequence[MediaRange]) -> tuple[MediaType, Preference]:
    """Parts have several incompatible meanings: only who names ours gets them."""
    spoken = [each for each in accepted if _SUBSCRIPTION_SPEC in each.parameters]
    return MediaType.PARTS, _prefer(spoken, MediaType.PARTS)


def _rank(candidate: tuple[MediaType, Preference]) -> tuple[float, bool]:
    return candidate[1].quality, candidate[1].named


def _prefer(accepted: Sequence[MediaRange], media: MediaType) -> Preference:
    """The most specific range that covers the type decides."""
    for name in (media.value, media.value.partition("/")[0] + "/*", "*/*"):
        qualities = [each.quality for each in accepted if each.name == name]
        if qualities:
            return Preference(max(qualities), name == media.value)
    return _NOT_ACCEPTED
