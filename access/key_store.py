"""Storage of keys and of the audit log in Postgres or SQLite.

Each change of a key takes the next revision, in one transaction with its entry in the audit log. The row of the revision is locked from
the beginning of a change, so that nobody sees revision 8 before 7.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from access.api_key import AdminAction, ApiKey, CreatedKey, KeySecret, KeySpec
from access.key_text import generate_key, generate_key_id, hash_key, show_beginning
from access.models import AccessRevisionRow, AdminActionRow, ApiKeyRow, ApiKeySecretRow
from access.ports import KeyChanges
from access.scope import AccessScope
from instruments.store import aware
from rates.errors import InvalidArgument, UnknownKey

MAX_OVERLAP = timedelta(days=90)
# Of one answer to `read_changes`: more are read by the next.
MAX_CHANGES = 1_000
# Secrets of a key that still count. Each rotation within an overlap adds one.
MAX_SECRETS = 5


class Database(Protocol):
    """Transactions of the database; `InstrumentStore` is one."""

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]: ...


class KeyStore:
    """Keys, and what was done to them. All methods raise `DatabaseUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, spec: KeySpec, *, actor: str, now: datetime) -> CreatedKey:
        """Store a new key.

        Raises:
            InvalidArgument: a part of it is not as expected.
        """
        spec.check(now)
        key_id = generate_key_id()
        text = generate_key(key_id)
        async with self._database.transaction() as connection:
            revision = await _next_revision(connection)
            values = {
                "id": key_id,
                "name": spec.name,
                "plan": spec.plan,
                "scopes": " ".join(sorted(spec.scopes)),
                "origins": json.dumps(sorted(spec.origins)),
                "created_at": now,
                "expires_at": spec.expires_at,
                "revoked_at": None,
                "revision": revision,
            }
            await connection.execute(insert(ApiKeyRow).values(values))
            await _add_secret(connection, key_id, text, now)
            detail = {
                "name": spec.name,
                "plan": spec.plan,
                "scopes": sorted(spec.scopes),
                "origins": sorted(spec.origins),
                "expiresAt": None if spec.expires_at is None else spec.expires_at.isoformat(),
                "beginning": show_beginning(text),
            }
            await _note(connection, now, actor, "create", key_id=key_id, detail=detail)
            return CreatedKey(await _read(connection, key_id), text)

    async def revoke(self, key_id: str, *, actor: str, now: datetime) -> ApiKey:
        """End a key at once. One that is revoked already stays as it is.

        Raises:
            UnknownKey: there is none with this id.
        """
        async with self._database.transaction() as connection:
            revision = await _next_revision(connection)
            key = await _read(connection, key_id)
            if key.revoked_at is None:
                await connection.execute(
                    update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(revoked_at=now, revision=revision)
                )
                await _note(connection, now, actor, "revoke", key_id=key_id, detail={"name": key.name})
                return await _read(connection, key_id)
            await connection.rollback()
            return key

    async def rotate(self, key_id: str, *, overlap: timedelta, actor: str, now: datetime) -> CreatedKey:
        """Give a key a new secret. Its old ones count until `overlap` has passed.

        Raises:
            UnknownKey: there is none with this id.
            InvalidArgument: it is revoked or expired, was rotated too often, or the overlap is out of range.
        """
        if not timedelta() <= overlap <= MAX_OVERLAP:
            raise InvalidArgument("overlap", str(overlap), f"0 to {MAX_OVERLAP.days} days")
        text = generate_key(key_id)
        async with self._database.transaction() as connection:
            revision = await _next_revision(connection)
            key = await _read(connection, key_id)
            _check_alive(key, now)
            living = [each for each in key.secrets if each.ends_at is None or each.ends_at > now]
            if len(living) >= MAX_SECRETS:
                raise InvalidArgument(
                    "key",
                    key_id,
                    f"fewer than {MAX_SECRETS} secrets that still count: wait for the end of an overlap",
                )
            ends_at = now + overlap
            for secret in living:
                if secret.ends_at is None or secret.ends_at > ends_at:
                    await connection.execute(
                        update(ApiKeySecretRow)
                        .where(ApiKeySecretRow.digest == secret.digest.hex())
                        .values(ends_at=ends_at)
                    )
            await _add_secret(connection, key_id, text, now)
            await connection.execute(
                update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(revision=revision)
            )
            detail = {
                "name": key.name,
                "beginning": show_beginning(text),
                "oldSecretsEndAt": ends_at.isoformat(),
            }
            await _note(connection, now, actor, "rotate", key_id=key_id, detail=detail)
            return CreatedKey(await _read(connection, key_id), text)

    async def read_all(self) -> Sequence[ApiKey]:
        """Read all keys, the oldest first."""
        async with self._database.transaction() as connection:
            return await _read_keys(connection, select(ApiKeyRow.__table__).order_by(ApiKeyRow.created_at))

    async def find(self, key_id: str) -> ApiKey | None:
        """Read a key."""
        async with self._database.transaction() as connection:
            found = await _read_keys(connection, select(ApiKeyRow.__table__).where(ApiKeyRow.id == key_id))
            return found[0] if found else None

    async def read_revision(self) -> int:
        """Read the number of changes so far."""
        async with self._database.transaction() as connection:
            return await _read_revision(connection)

    async def read_changes(self, since: int) -> KeyChanges:
        """Read the keys that changed after a revision, as they are now; at most `MAX_CHANGES`."""
        query = (
            select(ApiKeyRow.__table__)
            .where(ApiKeyRow.revision > since)
            .order_by(ApiKeyRow.revision)
            .limit(MAX_CHANGES)
        )
        async with self._database.transaction() as connection:
            revision = await _read_revision(connection)
            keys = await _read_keys(connection, query)
        # A change between both reads is read again by the next call.
        is_part = len(keys) == MAX_CHANGES
        return KeyChanges(keys[-1].revision if is_part else revision, tuple(keys))

    async def note_action(
        self, action: str, *, actor: str, now: datetime, key_id: str | None = None, detail: Mapping[str, Any]
    ) -> None:
        """Add an entry to the audit log. `detail` must not have a secret."""
        async with self._database.transaction() as connection:
            await _note(connection, now, actor, action, key_id=key_id, detail=detail)

    async def read_actions(self, *, last: int, key_id: str | None = None) -> Sequence[AdminAction]:
        """Read the last entries of the audit log, the newest first; of one key, if given."""
        query = select(AdminActionRow.__table__).order_by(AdminActionRow.id.desc()).limit(last)
        if key_id is not None:
            query = query.where(AdminActionRow.key_id == key_id)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            AdminAction(
                id=row["id"],
                at=aware(row["at"]),
                actor=row["actor"],
                action=row["action"],
                key_id=row["key_id"],
                detail=row["detail"],
            )
            for row in rows
        ]


def _check_alive(key: ApiKey, now: datetime) -> None:
    if key.revoked_at is not None:
        raise InvalidArgument(
            "key", key.id, f"a key that is not revoked; it was at {key.revoked_at.isoformat()}"
        )
    if key.expires_at is not None and key.expires_at <= now:
        raise InvalidArgument(
            "key", key.id, f"a key that is not expired; it did at {key.expires_at.isoformat()}"
        )


async def _next_revision(connection: AsyncConnection) -> int:
    result = await connection.execute(
        update(AccessRevisionRow)
        .where(AccessRevisionRow.id == 1)
        .values(revision=AccessRevisionRow.revision + 1)
        .returning(AccessRevisionRow.revision)
    )
    return int(result.scalar_one())


async def _read_revision(connection: AsyncConnection) -> int:
    query = select(AccessRevisionRow.revision).where(AccessRevisionRow.id == 1)
    return int((await connection.execute(query)).scalar_one())


async def _read(connection: AsyncConnection, key_id: str) -> ApiKey:
    found = await _read_keys(connection, select(ApiKeyRow.__table__).where(ApiKeyRow.id == key_id))
    if not found:
        raise UnknownKey(key_id)
    return found[0]


async def _read_keys(connection: AsyncConnection, query: Any) -> list[ApiKey]:
    rows = (await connection.execute(query)).mappings().all()
    secrets: dict[str, list[KeySecret]] = {row["id"]: [] for row in rows}
    wanted = select(ApiKeySecretRow.__table__).order_by(ApiKeySecretRow.created_at)
    if len(rows) <= MAX_CHANGES:
        wanted = wanted.where(ApiKeySecretRow.key_id.in_(secrets))
    if rows:
        for row in (await connection.execute(wanted)).mappings():
            if row["key_id"] in secrets:
                secrets[row["key_id"]].append(_to_secret(row))
    return [_to_key(row, secrets[row["id"]]) for row in rows]


def _to_secret(row: RowMapping) -> KeySecret:
    return KeySecret(
        digest=bytes.fromhex(row["digest"]),
        beginning=row["beginning"],
        created_at=aware(row["created_at"]),
        ends_at=None if row["ends_at"] is None else aware(row["ends_at"]),
    )


def _to_key(row: RowMapping, secrets: Sequence[KeySecret]) -> ApiKey:
    known = set(AccessScope)
    return ApiKey(
        id=row["id"],
        name=row["name"],
        plan=row["plan"],
        # A scope of a newer version grants nothing here.
        scopes=frozenset(AccessScope(each) for each in row["scopes"].split() if each in known),
        origins=frozenset(json.loads(row["origins"])),
        created_at=aware(row["created_at"]),
        expires_at=None if row["expires_at"] is None else aware(row["expires_at"]),
        revoked_at=None if row["revoked_at"] is None else aware(row["revoked_at"]),
        revision=row["revision"],
        secrets=tuple(secrets),
    )


async def _add_secret(connection: AsyncConnection, key_id: str, text: str, now: datetime) -> None:
    values = {
        "digest": hash_key(text).hex(),
        "key_id": key_id,
        "beginning": show_beginning(text),
        "created_at": now,
        "ends_at": None,
    }
    await connection.execute(insert(ApiKeySecretRow).values(values))


async def _note(
    connection: AsyncConnection,
    now: datetime,
    actor: str,
    action: str,
    *,
    key_id: str | None,
    detail: Mapping[str, Any],
) -> None:
    values = {
        "at": now,
        "actor": actor[:100],
        "action": action,
        "key_id": key_id,
        "detail": json.dumps(detail, ensure_ascii=False),
    }
    await connection.execute(insert(AdminActionRow).values(values))
