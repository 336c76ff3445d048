"""Manifests of client builds, and the folder that has them."""

import json
import os
from hashlib import md5, sha256
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.trusted_documents.document_store import DocumentMode, DocumentStore, UnknownDocument
from gateway.trusted_documents.manifest import InvalidManifest, parse_manifest
from gateway.trusted_documents.manifest_folder import MAX_FILE_BYTES, ManifestFolder
from tests.json_types import Json

TEXT = 'query Price { rate(symbol: "BTC/USDT") { price } }'
HASH = sha256(TEXT.encode()).hexdigest()
ID = f"sha256:{HASH}"
MD5 = md5(TEXT.encode()).hexdigest()
APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [{"id": HASH, "name": "Price", "type": "query", "body": TEXT}],
}


def encode(content: Json) -> bytes:
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        pytest.param(APOLLO, {ID}, id="Apollo"),
        pytest.param({MD5: TEXT}, {MD5, ID}, id="Relay"),
        pytest.param({HASH: TEXT}, {ID}, id="graphql-codegen"),
        pytest.param({"x-app:Price.v2": TEXT}, {"x-app:Price.v2", ID}, id="identifiers of one's own"),
        pytest.param({}, set(), id="empty"),
    ],
)
def test_each_document_has_the_identifier_of_its_manifest_and_its_hash(content: Json, ids: set[str]) -> None:
    """Of each build."""
    assert parse_manifest(encode(content)) == dict.fromkeys(ids, TEXT)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (encode([TEXT]), "cannot be read"),
        (encode({HASH: {"body": TEXT}}), "cannot be read"),
        (encode({**APOLLO, "version": 2}), "`version` is 2: expected 1"),
        (encode({"format": APOLLO["format"], "version": 1}), "cannot be read"),
        (encode({"with space": TEXT}), "'with space': expected letters"),
        (encode({"x" * 201: TEXT}), "expected letters"),
    ],
)
def test_what_is_no_manifest_is_refused_with_a_reason(data: bytes, message: str) -> None:
    """Damaged files, other formats, and identifiers that no request can have."""
    with pytest.raises(InvalidManifest, match=message):
        parse_manifest(data)


@pytest.fixture
def store() -> DocumentStore:
    return DocumentStore(DocumentMode.ONLY)


def find(store: DocumentStore, document_id: str) -> str | None:
    try:
        return store.resolve(document_id, "")
    except UnknownDocument:
        return None


def write(path: Path, data: bytes) -> None:
    """Write a file with a time of its own.

    Writes within one tick of the file system's clock have the same.
    """
    path.write_bytes(data)
    os.utime(path, ns=(0, hash(data) % 1_000_000_000))


def test_files_that_appear_change_and_go_take_effect(store: DocumentStore, tmp_path: Path) -> None:
    """All of them together are the trusted documents."""
    folder = ManifestFolder(tmp_path, store)
    removals = []
    store.on_removed.append(lambda: removals.append(store.trusted_count))
    folder.read()
    assert find(store, ID) is None
    write(tmp_path / "web.json", encode(APOLLO))
    write(tmp_path / "notes.txt", b"no manifest")
    folder.read()
    assert find(store, ID) == TEXT
    write(tmp_path / "bot.json", encode({"bot": "{ __typename }"}))
    folder.read()
    assert (find(store, ID), find(store, "bot")) == (TEXT, "{ __typename }")
    assert not removals
    write(tmp_path / "bot.json", encode({"bot2": "{ __typename }"}))
    folder.read()
    assert (find(store, "bot"), find(store, "bot2")) == (None, "{ __typename }")
    (tmp_path / "web.json").unlink()
    folder.read()
    assert find(store, ID) is None
    assert removals == [3, 2]


def test_a_damaged_file_keeps_what_it_had_and_is_logged_once(store: DocumentStore, tmp_path: Path) -> None:
    """As when it is read while it is written."""
    folder = ManifestFolder(tmp_path, store)
    write(tmp_path / "web.json", encode(APOLLO))
    folder.read()
    write(tmp_path / "web.json", b'{"format": "apollo')
    (tmp_path / "link.json").symlink_to(tmp_path / "missing")
    with capture_logs() as logs:
        folder.read()
        folder.read()
    assert find(store, ID) == TEXT
    assert sorted(each["file"] for each in logs if each["event"] == "manifest not read") == [
        "link.json",
        "web.json",
    ]


def test_a_file_that_is_too_large_is_not_read(store: DocumentStore, tmp_path: Path) -> None:
    """A manifest of thousands of documents has a megabyte."""
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with capture_logs() as logs:
        ManifestFolder(tmp_path, store).read()
    assert "too large" in logs[0]["error"]


def test_a_folder_that_is_gone_keeps_the_documents(store: DocumentStore, tmp_path: Path) -> None:
    """A volume may be away for a while."""
    folder = ManifestFolder(tmp_path / "manifests", store)
    (tmp_path / "manifests").mkdir()
    write(tmp_path / "manifests" / "web.json", encode(APOLLO))
    folder.read()
    (tmp_path / "manifests").rename(tmp_path / "away")
    with pytest.raises(OSError, match="manifests"):
        folder.read()
    assert find(store, ID) == TEXT
