"""Files of the web pages, compressed once and served with validators.

The pages are some hundred kilobytes of text, which gzip makes a quarter as long. A file is compressed at its first use, in a
thread, and kept; brotli and zstd would need a library for some percent more.
"""

import asyncio
import gzip
import hashlib
import mimetypes
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.responses import Response

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"
# Fonts in these formats, scripts, styles and the like; images and woff2 are compressed already.
COMPRESSIBLE = (
    "text/",
    "application/javascript",
    "application/json",
    "application/manifest+json",
    "image/svg+xml",
    "font/ttf",
)
# Below this, the headers weigh more than what is saved.
MIN_COMPRESSED_BYTES = 512
TYPES = {
    ".js": "text/javascript",
    ".webmanifest": "application/manifest+json",
    ".ttf": "font/ttf",
    ".md": "text/markdown",
}
LEVEL = 9

Transform = Callable[[bytes], bytes]


class _StoredFile(NamedTuple):
    """One file in memory, compressed if that makes it shorter.

    `version` differs once the file has changed.
    """

    version: tuple[int, int]
    body: bytes
    is_compressed: bool
    etag: str
    media_type: str


class PageFiles:
    """Serves the files of one folder. `transforms` change named files before they are kept."""

    def __init__(self, directory: Path, transforms: Mapping[str, Transform] | None = None) -> None:
        self._directory = directory
        self._transforms = transforms or {}
        # Bounded by the number of files in the folder.
        self._stored: dict[str, _StoredFile] = {}

    async def respond(
        self,
        name: str,
        request_headers: Headers,
        headers: Mapping[str, str],
        *,
        status: int = 200,
    ) -> Response | None:
        """Return a response with the file, or with 304 if the client has it.

        `None` if there is no such file.
        """
        stored = await self._find(name)
        if stored is None:
            return None
        wants_gzip = stored.is_compressed and accepts_gzip(request_headers.get("accept-encoding"))
        etag = f'"{stored.etag}-gzip"' if wants_gzip else f'"{stored.etag}"'
        sent = {**headers, "etag": etag, "vary": _join_vary(headers.get("vary"))}
        if status == 200 and _is_known(request_headers.get("if-none-match"), stored.etag):
            return Response(status_code=304, headers=sent)
        if wants_gzip:
            sent["content-encoding"] = "gzip"
        body = stored.body
        if stored.is_compressed and not wants_gzip:
            body = await asyncio.to_thread(gzip.decompress, body)
        return Response(body, status_code=status, headers=sent, media_type=stored.media_type)

    async def _find(self, name: str) -> _StoredFile | None:
        parts = name.split("/")
        if "\0" in name or "\\" in name or any(part in {"", ".", ".."} for part in parts):
            return None
        path = self._directory.joinpath(*parts)
        try:
            found = path.stat()
            version = (found.st_mtime_ns, found.st_size)
            stored = self._stored.get(name)
            if stored is None or stored.version != version:
                if not path.is_file():
                    return None
                stored = await asyncio.to_thread(self._load, name, path, version)
                self._stored[name] = stored
        except OSError:
            return None
        return stored

    def _load(self, name: str, path: Path, version: tuple[int, int]) -> _StoredFile:
        body = path.read_bytes()
        if transform := self._transforms.get(name):
            body = transform(body)
        media_type = TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        etag = hashlib.blake2b(body, digest_size=12).hexdigest()
        if len(body) >= MIN_COMPRESSED_BYTES and media_type.startswith(COMPRESSIBLE):
            # `mtime=0`: all gateways send the same bytes under the same tag.
            compressed = gzip.compress(body, LEVEL, mtime=0)
            if len(compressed) < len(body):
                return _StoredFile(version, compressed, is_compressed=True, etag=etag, media_type=media_type)
        return _StoredFile(version, body, is_compressed=False, etag=etag, media_type=media_type)


def accepts_gzip(header: str | None) -> bool:
    """Tell whether `Accept-Encoding` allows gzip.

    Without the header it is not sent: old clients could not read it.
    """
    qualities: dict[str, float] = {}
    for item in (header or "").lower().split(",")[:20]:
        coding, _, parameter = (part.strip() for part in item.partition(";"))
        name, _, value = parameter.partition("=")
        try:
            qualities[coding] = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            qualities[coding] = 0.0
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0))) > 0


def _is_known(if_none_match: str | None, etag: str) -> bool:
    """Tell whether the client has these bytes, compressed or not.

    Compressing proxies weaken tags.
    """
    held = [each.strip().removeprefix("W/").strip('"') for each in (if_none_match or "").split(",")]
    return any(each == "*" or each.removesuffix("-gzip") == etag for each in held)


def _join_vary(vary: str | None) -> str:
    return "Accept-Encoding" if vary is None else f"Accept-Encoding, {vary}"
