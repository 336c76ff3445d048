"""The admin schema: keys, the audit log and clients.

Each change of a key is told to all gateways.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Self

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from access.api_key import AdminAction, ApiKey, CreatedKey, KeySecret, KeySpec
from access.key_admin import DEFAULT_OVERLAP, MAX_ACTIONS
from access.plan import STANDARD
from access.scope import AccessScope
from gateway.admin.context import AdminInfo
from gateway.admin.top_clients import TopClientsType, read_top_clients
from gateway.schema.errors import to_public_error
from gateway.schema.scalars import SCALARS
from rates.clock import utc_now

MAX_KEYS = 1_000
_SCOPES = {
    "READ": "Current rates, and all that is not read from the history.",
    "HISTORY": "Candles, trades, statistics and values of the past.",
    "ADMIN": "This API.",
}
strawberry.enum(AccessScope, name="KeyScope", description="A permission of a key.")
for _value in AccessScope.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by the line before
    _value.description = _SCOPES[_value.name]

KeyId = Annotated[strawberry.ID, strawberry.argument(description="The id of a key.")]


@strawberry.type(name="KeySecret", description="A secret of a key, of which only the beginning is known.")
class KeySecretType:
    beginning: str = strawberry.field(description="The first characters of the key's text.")
    created_at: datetime = strawberry.field(description="When it was created.")
    ends_at: datetime | None = strawberry.field(
        description="The end of the overlap after a rotation; null for the newest secret."
    )

    @classmethod
    def of(cls, secret: KeySecret) -> Self:
        """Return the type of a secret."""
        return cls(beginning=secret.beginning, created_at=secret.created_at, ends_at=secret.ends_at)


@strawberry.type(name="ApiKey", description="A key of the API.")
class ApiKeyType:
    id: strawberry.ID = strawberry.field(description="Its public id, which rotations leave as it is.")
    name: str = strawberry.field(description="Its user, as shown in lists.")
    plan: str = strawberry.field(description="The name of the plan that limits it.")
    scopes: list[AccessScope] = strawberry.field(description="Its permissions.")
    origins: list[str] = strawberry.field(description="The pages that may use it; empty for all.")
    created_at: datetime = strawberry.field(description="When it was created.")
    expires_at: datetime | None = strawberry.field(description="When it ends; null for never.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked; null if it was not.")
    is_active: bool = strawberry.field(description="Whether it counts now.")
    secrets: list[KeySecretType] = strawberry.field(description="Its secrets, the oldest first.")

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Return the type of a key."""
        return cls(
            id=strawberry.ID(key.id),
            name=key.name,
            plan=key.plan,
            scopes=sorted(key.scopes),
            origins=sorted(key.origins),
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            is_active=key.revoked_at is None and (key.expires_at is None or utc_now() < key.expires_at),
            secrets=[KeySecretType.of(each) for each in key.secrets],
        )


@strawberry.type(name="CreatedKey", description="A key that was created or rotated, with its text.")
class CreatedKeyType:
    key: ApiKeyType = strawberry.field(description="The key.")
    text: str = strawberry.field(
        description="The text that clients send. Nobody can read it later: keep it, or rotate the key."
    )

    @classmethod
    def of(cls, created: CreatedKey) -> Self:
        """Return the type of a created key."""
        return cls(key=ApiKeyType.of(created.key), text=created.text)


@strawberry.type(name="AdminAction", description="An entry of the audit log. It never has a secret.")
class AdminActionType:
    id: strawberry.ID = strawberry.field(description="Its number.")
    at: datetime = strawberry.field(description="When it happened.")
    actor: str = strawberry.field(
        description="Who did it: `cli:` and a user of the machine, or `key:` and the id of a key of the scope ADMIN."
    )
    action: str = strawberry.field(description="`create`, `rotate` or `revoke`.")
    key_id: strawberry.ID | None = strawberry.field(description="The key, if it is about one.")
    detail: str = strawberry.field(description="The properties of the action, as a JSON object.")

    @classmethod
    def of(cls, action: AdminAction) -> Self:
        """Return the type of an entry."""
        key_id = None if action.key_id is None else strawberry.ID(action.key_id)
        return cls(
            id=strawberry.ID(str(action.id)),
            at=action.at,
            actor=action.actor,
            action=action.action,
            key_id=key_id,
            detail=json.dumps(json.loads(action.detail), ensure_ascii=False),
        )


@strawberry.input(name="CreateKeyInput", description="The properties of a new key.")
class CreateKeyInput:
    name: str = strawberry.field(description="Its user, 1 to 100 characters.")
    plan: str = strawberry.field(default=STANDARD, description="The name of the plan that limits it.")
    scopes: list[AccessScope] = strawberry.field(
        default_factory=lambda: [AccessScope.READ, AccessScope.HISTORY], description="Its permissions."
    )
    origins: list[str] = strawberry.field(
        default_factory=list,
        description="The pages that may use it, as `scheme://host[:port]`; empty for all.",
    )
    expires_at: datetime | None = strawberry.field(default=None, description="When it ends; null for never.")


async def _keys(
    info: AdminInfo,
    include_ended: Annotated[bool, strawberry.argument(description="Revoked and expired ones too.")] = False,
) -> list[ApiKeyType]:
    keys = [ApiKeyType.of(each) for each in await info.context.keys.list_keys()]
    return [each for each in keys if include_ended or each.is_active][:MAX_KEYS]


async def _key(info: AdminInfo, id: KeyId) -> ApiKeyType | None:  # noqa: A002 - its name in the API
    found = await info.context.keys.find(id)
    return None if found is None else ApiKeyType.of(found)


async def _audit_log(
    info: AdminInfo,
    last: Annotated[int, strawberry.argument(description=f"How many entries, 1 to {MAX_ACTIONS}.")] = 50,
    key_id: Annotated[strawberry.ID | None, strawberry.argument(description="Only of this key.")] = None,
) -> list[AdminActionType]:
    actions: Sequence[AdminAction] = await info.context.keys.list_actions(last=last, key_id=key_id)
    return [AdminActionType.of(each) for each in actions]


async def _create_key(
    info: AdminInfo,
    input: Annotated[CreateKeyInput, strawberry.argument(description="The properties of the key.")],  # noqa: A002
) -> CreatedKeyType:
    spec = KeySpec(
        name=input.name,
        plan=input.plan,
        scopes=frozenset(input.scopes),
        origins=frozenset(input.origins),
        expires_at=input.expires_at,
    )
    return CreatedKeyType.of(await info.context.keys.create(spec))


async def _rotate_key(
    info: AdminInfo,
    id: KeyId,  # noqa: A002 - its name in the API
    overlap_seconds: Annotated[
        int, strawberry.argument(description="For how long the old secrets still count, up to 90 days.")
    ] = int(DEFAULT_OVERLAP.total_seconds()),
) -> CreatedKeyType:
    return CreatedKeyType.of(await info.context.keys.rotate(id, overlap=timedelta(seconds=overlap_seconds)))


async def _revoke_key(info: AdminInfo, id: KeyId) -> ApiKeyType:  # noqa: A002 - its name in the API
    return ApiKeyType.of(await info.context.keys.revoke(id))


@strawberry.type(name="Query", description="Keys, what was done to them, and who uses this gateway.")
class AdminQuery:
    keys: list[ApiKeyType] = strawberry.field(
        resolver=_keys, description=f"The keys, the oldest first, at most {MAX_KEYS}."
    )
    key: ApiKeyType | None = strawberry.field(resolver=_key, description="The key with this id.")
    audit_log: list[AdminActionType] = strawberry.field(
        resolver=_audit_log, description="The last entries of the audit log, the newest first."
    )
    top_clients: TopClientsType = strawberry.field(
        resolver=read_top_clients,
        description="The clients that use this gateway most: of the process that answers alone, not of other gateways and workers. "
        "Error: BAD_USER_INPUT.",
    )


@strawberry.type(name="Mutation", description="Changes of keys. Each has an entry in the audit log.")
class AdminMutation:
    create_key: CreatedKeyType = strawberry.field(
        resolver=_create_key, description="Create a key. Error: BAD_USER_INPUT."
    )
    rotate_key: CreatedKeyType = strawberry.field(
        resolver=_rotate_key,
        description="Give a key a new secret; the old ones count until the overlap has passed. Error: BAD_USER_INPUT.",
    )
    revoke_key: ApiKeyType = strawberry.field(
        resolver=_revoke_key,
        description="End a key on all gateways, within a second. Error: BAD_USER_INPUT.",
    )


class AdminSchema(strawberry.Schema):
    """The schema, whose errors are those of the API."""

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Log nothing here: unexpected errors are logged where they are masked."""


def build_admin_schema() -> AdminSchema:
    """Build the schema. Its context is an `AdminContext`."""
    return AdminSchema(query=AdminQuery, mutation=AdminMutation, config=StrawberryConfig(scalar_map=SCALARS))


def format_errors(errors: Sequence[GraphQLError]) -> list[dict[str, Any]]:
    """Return errors as clients see them."""
    return [dict(to_public_error(each).formatted) for each in errors]
