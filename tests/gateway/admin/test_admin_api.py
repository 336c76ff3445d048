"""The admin API: what it does, who may use it, and that its SDL is complete."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from access.api_key import KeySpec
from access.authority import KeyAuthority
from access.key_admin import KeyAdmin
from access.key_store import KeyStore
from access.memory_lease_store import MemoryLeaseStore
from access.plan import SHIPPED_PLANS, PlanLimits
from access.scope import AccessScope
from gateway.admin.endpoint import ADMIN_PATH, AdminEndpoint
from gateway.admin.schema import build_admin_schema
from gateway.budgets.account_registry import Accounts
from gateway.budgets.open_stream import OpenSocket, PlanLimitReached, StreamCost
from instruments.store import InstrumentStore
from rates.errors import BudgetExhausted
from tests.migrated import migrate_new

PLANS = {
    **SHIPPED_PLANS,
    "small": PlanLimits(points=1_000, stream_points=15, sockets=1, subscriptions=2).named("small"),
}
CREATE = "mutation ($input: CreateKeyInput!) { createKey(input: $input) { text key { id name plan scopes origins isActive } } }"


class Admin:
    """A client of the endpoint, with a key of the scope admin."""

    def __init__(self, store: KeyStore) -> None:
        self.admin = KeyAdmin(store, None, tuple(SHIPPED_PLANS), actor="cli:test")
        self.text = ""
        self.authority = KeyAuthority(store)
        self.accounts = Accounts(MemoryLeaseStore(), PLANS, grace_s=60)
        endpoint = AdminEndpoint(self.authority, self.admin, self.accounts)
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(endpoint), base_url="http://admin")

    async def post(self, query: str, text: str | None, **variables: Any) -> httpx.Response:
        headers = {} if text is None else {"authorization": f"Bearer {text}"}
        body = {"query": query, "variables": variables}
        return await self._client.post(ADMIN_PATH, json=body, headers=headers)

    async def get(self, path: str) -> httpx.Response:
        return await self._client.get(path)

    async def run(self, query: str, **variables: Any) -> Any:
        answer = (await self.post(query, self.text, **variables)).json()
        assert "errors" not in answer, answer
        return answer["data"]


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[Admin]:
    url = f"sqlite+aiosqlite:///{tmp_path}/keys.sqlite"
    await migrate_new(url)
    database = InstrumentStore(url)
    admin = Admin(KeyStore(database))
    spec = KeySpec(name="Operations", scopes=frozenset({AccessScope.ADMIN}))
    admin.text = (await admin.admin.create(spec)).text
    yield admin
    await database.close()


@pytest.mark.slow
async def test_a_key_is_created_rotated_and_revoked(admin: Admin) -> None:
    """Each text is shown once, and each action is in the audit log with its actor."""
    given = {"name": "Shop", "scopes": ["READ"], "origins": ["https://shop.example"], "plan": "unlimited"}
    created = (await admin.run(CREATE, input=given))["createKey"]
    key_id = created["key"]["id"]
    assert created["key"] == {"id": key_id, **given, "isActive": True}
    assert created["text"].startswith(f"rw_{key_id}_")
    rotate = "mutation ($id: ID!) { rotateKey(id: $id, overlapSeconds: 60) { text key { secrets { beginning endsAt } } } }"
    rotated = (await admin.run(rotate, id=key_id))["rotateKey"]
    old, new = rotated["key"]["secrets"]
    assert created["text"].startswith(old["beginning"])
    assert old["endsAt"] is not None
    assert rotated["text"].startswith(new["beginning"])
    assert new["endsAt"] is None
    revoked = await admin.run("mutation ($id: ID!) { revokeKey(id: $id) { isActive revokedAt } }", id=key_id)
    assert revoked["revokeKey"]["isActive"] is False
    listed = await admin.run(
        '{ keys { name } all: keys(includeEnded: true) { name } key(id: "none") { id } }'
    )
    assert listed == {
        "keys": [{"name": "Operations"}],
        "all": [{"name": "Operations"}, {"name": "Shop"}],
        "key": None,
    }
    log = (await admin.run("query ($id: ID) { auditLog(keyId: $id) { action actor detail } }", id=key_id))[
        "auditLog"
    ]
    assert [each["action"] for each in log] == ["revoke", "rotate", "create"]
    assert all(each["actor"].startswith("key:") for each in log)
    for text in (created["text"], rotated["text"]):
        assert text[20:] not in json.dumps(log)


async def test_nobody_else_is_let_in(admin: Admin) -> None:
    """Without a key, with one of another scope, or with one that was revoked."""
    other = await admin.admin.create(KeySpec(name="Reader"))
    assert (await admin.post("{ keys { id } }", None)).status_code == 401
    answer = await admin.post("{ keys { id } }", other.text)
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"] == {
        "code": "FORBIDDEN",
        "reason": "SCOPE",
        "scope": "admin",
    }
    assert (await admin.post("{ keys { id } }", admin.text)).status_code == 200
    assert (await admin.get(ADMIN_PATH)).status_code == 405
    assert (await admin.get("/graphql")).status_code == 404


async def test_the_clients_that_use_a_gateway_most_are_listed_by_each_figure(admin: Admin) -> None:
    """Keys by id and name, tokens by their subject, addresses; none without any use."""
    created = await admin.admin.create(KeySpec(name="Shop"))
    await admin.authority.verify(created.text)
    key_id = created.key.id
    accounts = admin.accounts
    key, token = accounts.of_key(key_id, "standard"), accounts.of_key("token:ann", "small")
    address = accounts.of_address("192.0.2.7")
    accounts.of_address("192.0.2.8")
    await accounts.charge(key, 300)
    await accounts.charge(address, 50)
    await accounts.charge(token, 900)
    with pytest.raises(BudgetExhausted):
        await accounts.charge(token, 900)
    OpenSocket(token)
    with pytest.raises(PlanLimitReached):
        OpenSocket(token)
    for account in (key, key, key, token, token):
        accounts.open_stream(account, StreamCost(10, 1))
    with pytest.raises(PlanLimitReached):
        accounts.open_stream(token, StreamCost(10, 1))
    query = (
        "query ($by: ClientFigure!, $first: Int!) { topClients(by: $by, first: $first) { since knownCount items "
        "{ keyId keyName address plan spentPoints refusals throttledSubscriptions sockets subscriptions } } }"
    )

    async def list_by(by: str, first: int = 10) -> list[dict[str, Any]]:
        top = (await admin.run(query, by=by, first=first))["topClients"]
        assert top["knownCount"] == 4
        return list(top["items"])

    def usage(plan: str, **given: Any) -> dict[str, Any]:
        figures = ("spentPoints", "refusals", "throttledSubscriptions", "sockets", "subscriptions")
        nobody = {"keyId": None, "keyName": None, "address": None}
        return {**nobody, "plan": plan, **dict.fromkeys(figures, 0), **given}

    of_token = usage(
        "small",
        keyId="token:ann",
        spentPoints=900,
        refusals=3,
        throttledSubscriptions=1,
        sockets=1,
        subscriptions=2,
    )
    of_key = usage("standard", keyId=key_id, keyName="Shop", spentPoints=300, subscriptions=3)
    of_address = usage("anonymous", address="192.0.2.7", spentPoints=50)
    assert await list_by("SPENT_POINTS") == [of_token, of_key, of_address]
    assert await list_by("SPENT_POINTS", first=2) == [of_token, of_key]
    assert await list_by("SUBSCRIPTIONS") == [of_key, of_token]
    for figure in ("REFUSALS", "THROTTLED_SUBSCRIPTIONS", "SOCKETS"):
        assert await list_by(figure) == [of_token]


async def test_unusable_input_is_reported_with_what_was_expected(admin: Admin) -> None:
    """With the codes of the API."""
    for query, variables, code in (
        (CREATE, {"input": {"name": ""}}, "BAD_USER_INPUT"),
        (CREATE, {"input": {"name": "x", "plan": "gold"}}, "BAD_USER_INPUT"),
        (CREATE, {"input": {"name": "x", "origins": ["shop"]}}, "BAD_USER_INPUT"),
        ('mutation { revokeKey(id: "none") { id } }', {}, "BAD_USER_INPUT"),
        ("{ auditLog(last: 0) { id } }", {}, "BAD_USER_INPUT"),
        ("{ topClients(first: 0) { since } }", {}, "BAD_USER_INPUT"),
        ("{ topClients(first: 101) { since } }", {}, "BAD_USER_INPUT"),
        ("{", {}, "GRAPHQL_PARSE_FAILED"),
        ("{ " + "a " * 2_000 + "}", {}, "GRAPHQL_PARSE_FAILED"),
        ("{" * 900, {}, "GRAPHQL_PARSE_FAILED"),
    ):
        (error, *_) = (await admin.post(query, admin.text, **variables)).json()["errors"]
        assert error["extensions"]["code"] == code, error


def test_every_type_field_and_argument_has_a_description() -> None:
    """As in the schema of the API."""
    schema = build_admin_schema()._schema
    for name, kind in schema.type_map.items():
        if name.startswith("__") or name in {"Boolean", "Int", "String", "ID"}:
            continue
        assert kind.description, name
        for field_name, field in getattr(kind, "fields", {}).items():
            assert field.description, (name, field_name)
            for argument_name, argument in getattr(field, "args", {}).items():
                assert argument.description, (name, field_name, argument_name)
        for value_name, value in getattr(kind, "values", {}).items():
            assert value.description, (name, value_name)
