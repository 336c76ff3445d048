"""`ratewire keys`: create, list, rotate and revoke keys of the API, and read the audit log."""

import json
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from access.scope import AccessScope
from ratewire.database_command import with_store

if TYPE_CHECKING:
    from access.api_key import ApiKey, CreatedKey
    from access.key_admin import KeyAdmin

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"(\d{1,6})([smhd])", re.ASCII)

app = typer.Typer(name="keys", help="Create, list, rotate and revoke keys of the API.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
KeyArgument = Annotated[
    str,
    typer.Argument(
        metavar="KEY_ID", help="The id or the beginning of the key, as `list` shows it; never the whole key."
    ),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who uses it: shown in lists and in the audit log.")],
    *,
    plan: Annotated[str, typer.Option(help="The plan that limits it.")] = "standard",
    scope: Annotated[
        list[AccessScope] | None,
        typer.Option(help="What it allows; may be repeated. read and history by default."),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Only for pages of this origin, e.g. https://shop.example; may be repeated."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: in 30d, 12h, 90m, or at a time like 2027-01-31T00:00Z.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a key and print it: it is shown this once."""

    async def run(admin: "KeyAdmin") -> None:
        from access.api_key import KeySpec

        given: dict[str, Any] = {} if not scope else {"scopes": frozenset(scope)}
        spec = KeySpec(
            name=name, plan=plan, origins=frozenset(origin or ()), expires_at=_read_end(expires), **given
        )
        _show_created(await admin.create(spec), as_json=as_json)

    _with_admin(run)


@app.command("list")
def list_keys(
    *,
    all_keys: Annotated[bool, typer.Option("--all", help="Revoked and expired ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the keys, without their secrets."""

    async def run(admin: "KeyAdmin") -> None:
        from rates.clock import utc_now

        now = utc_now()
        keys = [key for key in await admin.list_keys() if all_keys or _state(key, now) == "active"]
        if as_json:
            typer.echo(json.dumps([_describe(key, now) for key in keys], indent=2))
            return
        from rich.console import Console
        from rich.table import Table

        table = Table("id", "name", "plan", "scopes", "origins", "expires", "state", "beginning", box=None)
        for key in keys:
            table.add_row(
                key.id,
                key.name,
                key.plan,
                " ".join(sorted(key.scopes)),
                " ".join(sorted(key.origins)) or "all",
                "never" if key.expires_at is None else _show(key.expires_at),
                _state(key, now),
                key.secrets[-1].beginning + "…",
            )
        Console(width=None if sys.stdout.isatty() else 200).print(table)
        typer.echo(f"{len(keys)} keys")

    _with_admin(run)


@app.command()
def revoke(key: KeyArgument, *, as_json: AsJson = False) -> None:
    """End a key at once: its WebSockets and streams are closed within a second."""

    async def run(admin: "KeyAdmin") -> None:
        from rates.clock import utc_now

        revoked = await admin.revoke(_read_id(key))
        if as_json:
            typer.echo(json.dumps(_describe(revoked, utc_now()), indent=2))
        else:
            typer.echo(f"revoked {revoked.id} ({revoked.name})")

    _with_admin(run)


@app.command()
def rotate(
    key: KeyArgument,
    *,
    overlap: Annotated[
        str, typer.Option(help="For how long the old secret still counts: 24h, 7d, 0s.")
    ] = "24h",
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret and print it; the old one counts until the overlap has passed."""

    async def run(admin: "KeyAdmin") -> None:
        _show_created(
            await admin.rotate(_read_id(key), overlap=_read_span("overlap", overlap)), as_json=as_json
        )

    _with_admin(run)


@app.command()
def audit(
    *,
    last: Annotated[int, typer.Option(min=1, max=1_000, help="How many entries.")] = 50,
    key: Annotated[str | None, typer.Option(help="Only of this key.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print who did what to keys, and when; the newest first."""

    async def run(admin: "KeyAdmin") -> None:
        actions = await admin.list_actions(last=last, key_id=None if key is None else _read_id(key))
        if as_json:
            entries = [
                {"at": each.at.isoformat(), "actor": each.actor, "action": each.action, "key": each.key_id}
                | {"detail": json.loads(each.detail)}
                for each in actions
            ]
            typer.echo(json.dumps(entries, indent=2))
            return
        for each in actions:
            typer.echo(f"{_show(each.at)}  {each.actor}  {each.action}  {each.key_id or '-'}  {each.detail}")

    _with_admin(run)


def _with_admin(run: Callable[["KeyAdmin"], Awaitable[None]]) -> None:
    """Run a command with the database, and with Redis where it is reached."""

    async def main(store: Any) -> None:
        from access.key_admin import KeyAdmin
        from access.key_store import KeyStore
        from access.plan import PlanSettings
        from access.redis_notices import RedisKeyNotices
        from cache.redis_client import open_redis
        from rates.redis_keys import RedisKeys
        from runtime.settings import CacheSettings, load_settings

        cache = load_settings(CacheSettings)
        redis = open_redis(cache.redis_url)
        try:
            admin = KeyAdmin(
                KeyStore(store),
                RedisKeyNotices(redis, RedisKeys(cache.simulated)),
                tuple(load_settings(PlanSettings).all_plans),
                actor=_actor(),
            )
            await run(admin)
        finally:
            await redis.aclose()
        if admin.untold is not None:
            typer.echo(
                f"Redis was not told ({admin.untold}): gateways find the change in the database within a second",
                err=True,
            )

    with_store(main)


def _actor() -> str:
    """Return the user of this command, for the audit log."""
    import getpass

    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError, ImportError):
        return "cli"


def _show_created(created: "CreatedKey", *, as_json: bool) -> None:
    from rates.clock import utc_now

    if as_json:
        typer.echo(json.dumps({**_describe(created.key, utc_now()), "key": created.text}, indent=2))
        return
    typer.echo(f"{created.key.id} ({created.key.name}): this key is shown only now", err=True)
    typer.echo(created.text)


def _describe(key: "ApiKey", now: datetime) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "plan": key.plan,
        "scopes": sorted(key.scopes),
        "origins": sorted(key.origins),
        "state": _state(key, now),
        "createdAt": key.created_at.isoformat(),
        "expiresAt": None if key.expires_at is None else key.expires_at.isoformat(),
        "revokedAt": None if key.revoked_at is None else key.revoked_at.isoformat(),
        "secrets": [
            {
                "beginning": secret.beginning,
                "createdAt": secret.created_at.isoformat(),
                "endsAt": None if secret.ends_at is None else secret.ends_at.isoformat(),
            }
            for secret in key.secrets
        ],
    }


def _state(key: "ApiKey", now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "active" if key.expires_at is None or now < key.expires_at else "expired"


def _read_id(text: str) -> str:
    from access.key_text import parse_shown_id
    from rates.errors import InvalidArgument

    key_id = parse_shown_id(text)
    if key_id is None:
        raise InvalidArgument(
            "key",
            None,
            "the id of a key, as `ratewire keys list` shows it; never the whole key",
            shown="something else",
        )
    return key_id


def _read_end(text: str | None) -> datetime | None:
    if text is None:
        return None
    from rates.clock import utc_now
    from rates.errors import InvalidArgument

    if _SPAN.fullmatch(text):
        return utc_now() + _read_span("expires", text)
    try:
        end = datetime.fromisoformat(text)
    except ValueError as exc:
        raise InvalidArgument(
            "expires", text, "a span such as 30d, or a time such as 2027-01-31T00:00Z"
        ) from exc
    return end if end.tzinfo is not None else end.replace(tzinfo=UTC)


def _read_span(name: str, text: str) -> timedelta:
    from rates.errors import InvalidArgument

    match = _SPAN.fullmatch(text)
    if match is None:
        raise InvalidArgument(name, text, "a number and s, m, h or d, such as 24h")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _show(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(sep=" ", timespec="seconds")
