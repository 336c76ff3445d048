"""Files of the pages: compressed for those who accept it, not sent to those who have them."""

import gzip
from pathlib import Path

import pytest
from starlette.datastructures import Headers
from starlette.responses import Response

from gateway.page_files import IMMUTABLE, PageFiles, accepts_gzip
from gateway.pages import DASHBOARD, EXPLORER, WALLBOARD, Pages
from gateway.trusted_documents.document_store import DocumentMode

SCRIPT = b"export const figures = [1, 2, 3];\n" * 200
IMAGE = b"\x89PNG" + bytes(range(256)) * 8
HEADERS = {"cache-control": IMMUTABLE}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "app-1a2b.js").write_bytes(SCRIPT)
    (tmp_path / "icon.png").write_bytes(IMAGE)
    (tmp_path / "tiny.js").write_bytes(b"1;")
    for name in (DASHBOARD, WALLBOARD, EXPLORER):
        (tmp_path / name).write_text('<!doctype html><html lang="en"><title>page</title></html>')
    return tmp_path


async def fetch(files: PageFiles, name: str, **headers: str) -> Response:
    asked = Headers({key.replace("_", "-"): value for key, value in headers.items()})
    response = await files.respond(name, asked, HEADERS)
    assert response is not None
    return response


async def test_a_script_is_sent_compressed_to_those_who_accept_it(folder: Path) -> None:
    """The rest get it as it is, with another tag; caches keep both apart."""
    files = PageFiles(folder)
    short = await fetch(files, "assets/app-1a2b.js", accept_encoding="gzip, deflate, br, zstd")
    plain = await fetch(files, "assets/app-1a2b.js")
    assert short.headers["content-encoding"] == "gzip"
    assert gzip.decompress(bytes(short.body)) == bytes(plain.body) == SCRIPT
    assert len(short.body) < len(SCRIPT) / 4
    assert "content-encoding" not in plain.headers
    assert short.headers["etag"] != plain.headers["etag"]
    for response in (short, plain):
        assert response.headers["vary"] == "Accept-Encoding"
        assert response.headers["cache-control"] == IMMUTABLE
        assert response.headers["content-type"] == "text/javascript; charset=utf-8"
        assert response.headers["content-length"] == str(len(response.body))


@pytest.mark.parametrize("name", ["icon.png", "tiny.js"])
async def test_what_would_not_become_shorter_is_sent_as_it_is(folder: Path, name: str) -> None:
    """Images are compressed already; of a few bytes nothing can be saved."""
    response = await fetch(PageFiles(folder), name, accept_encoding="gzip")
    assert "content-encoding" not in response.headers
    assert bytes(response.body) == (folder / name).read_bytes()


async def test_who_has_the_file_gets_304(folder: Path) -> None:
    """Also by the tag of the other coding, by one that a proxy weakened, and by `*`."""
    files = PageFiles(folder)
    tags = [
        (await fetch(files, "assets/app-1a2b.js", accept_encoding=coding)).headers["etag"]
        for coding in ("gzip", "identity")
    ]
    for held in (*tags, f'"other", W/{tags[0]}', "*"):
        response = await fetch(files, "assets/app-1a2b.js", if_none_match=held, accept_encoding="gzip")
        assert (response.status_code, bytes(response.body)) == (304, b"")
        assert response.headers["etag"] == tags[0]
    assert (await fetch(files, "assets/app-1a2b.js", if_none_match='"other"')).status_code == 200


async def test_a_file_that_is_built_anew_is_read_anew(folder: Path) -> None:
    """Without a restart of the gateway."""
    files = PageFiles(folder)
    before = await fetch(files, "tiny.js")
    (folder / "tiny.js").write_bytes(b"1234;")
    after = await fetch(files, "tiny.js", if_none_match=before.headers["etag"])
    assert (after.status_code, bytes(after.body)) == (200, b"1234;")


@pytest.mark.parametrize(
    "name",
    ["none.js", "", "assets", "../pyproject.toml", "assets/../tiny.js", "/etc/passwd", "a\0b", "..\\x"],
)
async def test_nothing_but_files_of_the_folder_is_served(folder: Path, name: str) -> None:
    """Neither folders nor what is outside."""
    assert await PageFiles(folder).respond(name, Headers(), HEADERS) is None


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip;q=0, *", False),
        ("*", True),
        ("*;q=0", False),
        ("identity", False),
        ("gzip;q=x", False),
    ],
)
def test_accept_encoding_is_read_with_its_weights(header: str | None, *, accepted: bool) -> None:
    """By RFC 9110, but nothing is compressed for who does not ask."""
    assert accepts_gzip(header) is accepted


async def test_simulated_pages_say_so_before_the_first_rate(folder: Path) -> None:
    """The mark is in the page itself; with live sources there is none."""
    for simulated in (True, False):
        pages = Pages(folder, simulated=simulated)
        for name in (DASHBOARD, WALLBOARD):
            page = await pages.page(name, Headers())
            assert (b"<html data-simulated" in bytes(page.body)) is simulated


@pytest.mark.parametrize("mode", DocumentMode)
async def test_pages_know_how_they_may_name_documents(folder: Path, mode: DocumentMode) -> None:
    """By an attribute: GraphiQL cannot work with `only`, the others send texts with `off`."""
    pages = Pages(folder, simulated=True, documents=mode)
    for name in (DASHBOARD, WALLBOARD, EXPLORER):
        page = await pages.page(name, Headers())
        assert f' data-documents="{mode.value}"'.encode() in bytes(page.body)


async def test_only_the_wallboard_may_be_framed_and_only_by_listed_origins(folder: Path) -> None:
    """By the setting `embed_origins`; without it by nobody."""
    listed = Pages(folder, simulated=False, embedding=["https://shop.example"])
    closed = Pages(folder, simulated=False)
    policies = {
        (pages is listed, name): (await pages.page(name, Headers())).headers["content-security-policy"]
        for pages in (listed, closed)
        for name in (DASHBOARD, WALLBOARD)
    }
    framed = policies.pop((True, WALLBOARD))
    assert framed.endswith("frame-ancestors https://shop.example")
    assert all(policy.endswith("frame-ancestors 'none'") for policy in policies.values())
