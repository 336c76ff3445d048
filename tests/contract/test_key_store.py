"""Storage of keys and of the audit log, on SQLite and on Postgres."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from access.api_key import KeySpec
from access.key_store import KeyStore
from access.key_text import hash_key, parse_key_id
from access.scope import AccessScope
from instruments.store import InstrumentStore
from rates.errors import InvalidArgument, UnknownKey
from tests.gateway.fakes import NOON
from tests.migrated import migrate_new

LATER = NOON + timedelta(minutes=1)
OVERLAP = timedelta(hours=1)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.servers)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KeyStore]:
    url = (
        f"sqlite+aiosqlite:///{tmp_path}/keys.sqlite"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_url")
    )
    await migrate_new(url)
    database = InstrumentStore(url)
    yield KeyStore(database)
    await database.close()


async def test_a_key_is_stored_without_its_secret(store: KeyStore) -> None:
    """Only the hash is; all else comes back as it was given."""
    spec = KeySpec(
        name="Shop",
        plan="unlimited",
        scopes=frozenset({AccessScope.READ}),
        origins=frozenset({"https://shop.example"}),
        expires_at=LATER,
    )
    created = await store.create(spec, actor="cli:ops", now=NOON)
    key = await store.find(created.key.id)
    assert key == created.key
    assert key is not None
    assert (key.name, key.plan, key.scopes, key.origins) == ("Shop", "unlimited", spec.scopes, spec.origins)
    assert (key.created_at, key.expires_at, key.revoked_at) == (NOON, LATER, None)
    assert key.secrets[0].digest == hash_key(created.text)
    assert parse_key_id(created.text) == key.id
    assert created.text not in repr(created)


async def test_each_change_takes_the_next_revision(store: KeyStore) -> None:
    """Changes since a revision are read as the keys are now."""
    before = await store.read_revision()
    first = await store.create(KeySpec(name="first"), actor="a", now=NOON)
    second = await store.create(KeySpec(name="second"), actor="a", now=NOON)
    await store.rotate(first.key.id, overlap=OVERLAP, actor="a", now=LATER)
    await store.revoke(second.key.id, actor="a", now=LATER)
    changes = await store.read_changes(before)
    assert changes.revision == await store.read_revision() == before + 4
    assert [(key.id, key.revision) for key in changes.keys] == [
        (first.key.id, before + 3),
        (second.key.id, before + 4),
    ]
    assert (await store.read_changes(before + 3)).keys == changes.keys[1:]


async def test_the_old_secret_of_a_rotated_key_ends_with_the_overlap(store: KeyStore) -> None:
    """A second rotation within it makes no secret last longer."""
    created = await store.create(KeySpec(name="rotated"), actor="a", now=NOON)
    again = await store.rotate(created.key.id, overlap=OVERLAP, actor="a", now=NOON)
    last = await store.rotate(created.key.id, overlap=2 * OVERLAP, actor="a", now=LATER)
    ends = {secret.digest: secret.ends_at for secret in last.key.secrets}
    assert ends[hash_key(created.text)] == NOON + OVERLAP
    assert ends[hash_key(again.text)] == LATER + 2 * OVERLAP
    assert ends[hash_key(last.text)] is None
    assert len({created.text, again.text, last.text}) == 3


async def test_a_revoked_key_has_no_principal_and_cannot_be_rotated(store: KeyStore) -> None:
    """Revoking it again changes nothing."""
    created = await store.create(KeySpec(name="gone"), actor="a", now=NOON)
    revoked = await store.revoke(created.key.id, actor="a", now=LATER)
    assert revoked.revoked_at == LATER
    assert revoked.principals() == {}
    revision = await store.read_revision()
    assert await store.revoke(created.key.id, actor="a", now=LATER + OVERLAP) == revoked
    assert await store.read_revision() == revision
    with pytest.raises(InvalidArgument, match="revoked"):
        await store.rotate(created.key.id, overlap=OVERLAP, actor="a", now=LATER)


async def test_unknown_ids_and_unusable_parts_change_nothing(store: KeyStore) -> None:
    """Neither the revision nor the audit log."""
    revision = await store.read_revision()
    with pytest.raises(UnknownKey):
        await store.revoke("aaaaaaaaaa", actor="a", now=NOON)
    for spec in (
        KeySpec(name=" "),
        KeySpec(name="x", plan="No Plan"),
        KeySpec(name="x", scopes=frozenset()),
        KeySpec(name="x", origins=frozenset({"shop.example"})),
        KeySpec(name="x", expires_at=NOON),
    ):
        with pytest.raises(InvalidArgument):
            await store.create(spec, actor="a", now=NOON)
    assert await store.read_revision() == revision


async def test_the_audit_log_has_each_change_and_no_secret(store: KeyStore) -> None:
    """The newest first; of one key, if asked."""
    created = await store.create(KeySpec(name="audited"), actor="cli:ops", now=NOON)
    rotated = await store.rotate(created.key.id, overlap=OVERLAP, actor="key:admin", now=LATER)
    await store.revoke(created.key.id, actor="cli:ops", now=LATER)
    actions = await store.read_actions(last=10, key_id=created.key.id)
    assert [(each.action, each.actor, each.at) for each in actions] == [
        ("revoke", "cli:ops", LATER),
        ("rotate", "key:admin", LATER),
        ("create", "cli:ops", NOON),
    ]
    written = json.dumps([each.detail for each in actions])
    for text in (created.text, rotated.text):
        assert text[15:] not in written
        assert hash_key(text).hex() not in written
    assert (await store.read_actions(last=1))[0].action == "revoke"
