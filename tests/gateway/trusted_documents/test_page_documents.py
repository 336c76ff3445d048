"""The documents of the gateway's own pages, as their build writes them for the gateway."""

from hashlib import sha256
from pathlib import Path

import pytest
from graphql import parse, print_ast, separate_operations
from graphql.utilities import strip_ignored_characters
from structlog.testing import capture_logs

from cache.memory import MemoryCache
from gateway.gateway import Gateway
from gateway.pages import STATIC_DIRECTORY
from gateway.settings import GatewaySettings
from gateway.trusted_documents.document_store import (
    DocumentMode,
    DocumentRefused,
    DocumentStore,
    UnknownDocument,
)
from gateway.trusted_documents.page_documents import MANIFEST, read_page_documents
from tests.gateway.fakes import ListedInstruments

OPERATIONS = Path(__file__).parents[3] / "dashboard/src/graphql/operations.graphql"
TEXT, OTHER = "{ __typename }", "{ a: __typename }"


def id_of(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def test_the_manifest_has_the_documents_of_the_sources_and_no_others() -> None:
    """Each operation with the fragments that it uses, under the hash of its text."""
    operations = separate_operations(parse(OPERATIONS.read_text()))
    expected = {strip_ignored_characters(print_ast(document)) for document in operations.values()}
    found = read_page_documents(STATIC_DIRECTORY)
    assert set(found.values()) == expected
    assert {document_id: id_of(text) for document_id, text in found.items()} == {each: each for each in found}


def test_the_scripts_of_the_pages_name_these_documents_only() -> None:
    """No other identifier is in a script, and each is in one."""
    scripts = [*(STATIC_DIRECTORY / "assets").glob("*.js"), STATIC_DIRECTORY / "embed.js"]
    named = {f"sha256:{each[:64]}" for path in scripts for each in path.read_text().split("sha256:")[1:]}
    assert named == set(read_page_documents(STATIC_DIRECTORY))


@pytest.mark.parametrize("trusts", [True, False])
def test_a_setting_takes_the_documents_of_the_pages_out(*, trusts: bool) -> None:
    """For operators who serve no pages."""
    settings = GatewaySettings(port=0, trusted_documents=DocumentMode.ONLY, trust_page_documents=trusts)
    gateway = Gateway(MemoryCache(), ListedInstruments(), settings, simulated=True)
    assert gateway.documents.trusted_count == (len(read_page_documents(STATIC_DIRECTORY)) if trusts else 0)


@pytest.mark.parametrize("mode", [DocumentMode.AUTO, DocumentMode.PREFER, DocumentMode.ONLY])
def test_built_in_documents_stay_whatever_manifests_say(mode: DocumentMode) -> None:
    """They are neither removed with a manifest nor replaced by one."""
    store = DocumentStore(mode, {id_of(TEXT): TEXT})
    removals: list[int] = []
    store.on_removed.append(lambda: removals.append(store.trusted_count))
    store.set_trusted({"other": OTHER, id_of(TEXT): OTHER})
    assert store.resolve(id_of(TEXT), "") == TEXT
    assert store.resolve("other", "") == OTHER
    store.set_trusted({})
    assert store.resolve(id_of(TEXT), "") == TEXT
    with pytest.raises(UnknownDocument):
        store.resolve("other", "")
    # Only the other one was removed.
    assert removals == [1]


def test_built_in_documents_are_named_only_where_nothing_else_is_executed() -> None:
    """Their text is refused like any other."""
    store = DocumentStore(DocumentMode.ONLY, {id_of(TEXT): TEXT})
    with pytest.raises(DocumentRefused):
        store.resolve(None, TEXT)


def test_a_folder_without_a_manifest_has_no_documents_and_a_damaged_one_is_logged(tmp_path: Path) -> None:
    """An installation may have no pages."""
    with capture_logs() as logs:
        assert read_page_documents(tmp_path) == {}
    assert logs == []
    (tmp_path / MANIFEST).write_text("[]")
    with capture_logs() as logs:
        assert read_page_documents(tmp_path) == {}
    assert [each["event"] for each in logs] == ["manifest not read"]
