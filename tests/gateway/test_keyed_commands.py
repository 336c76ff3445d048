"""`ratewire query` and `ratewire watch` with keys, against a served gateway."""

import json
import sys
from pathlib import Path

import pytest

from access.scope import AccessScope
from tests.access.key_fakes import MemoryKeys
from tests.e2e.processes import ROOT
from tests.e2e.programs import output_of, started
from tests.gateway.fakes import NOON
from tests.gateway.raw_socket import RATES
from tests.gateway.test_keys import HISTORY_QUERY, LISTED, QUERY, Serve, keyed

__all__ = ["keyed"]

pytestmark = pytest.mark.servers

RATEWIRE = (sys.executable, "-m", "ratewire")


async def test_a_query_sends_the_key_of_its_environment(keyed: Serve, tmp_path: Path) -> None:
    """Also for a subscription. What is refused fails and says why, without the key."""
    async with keyed(anonymous=False) as gateway:
        created, reader = gateway.create(), gateway.create([AccessScope.READ])
        foreign = MemoryKeys().create(NOON)
        address = {"RATEWIRE_URL": gateway.served.http}
        files = {name: tmp_path / f"{name}.graphql" for name in ("query", "live", "history")}
        for name, text in (("query", QUERY), ("live", RATES), ("history", HISTORY_QUERY)):
            files[name].write_text(text)
        options: list[str]
        for name, options in (("query", []), ("live", ["--events", "1"])):
            env = {**address, "RATEWIRE_KEY": created.text}
            output = await output_of(*RATEWIRE, "query", str(files[name]), *options, cwd=ROOT, env=env)
            assert json.loads(output)["data"]["rates"]["items"]
        for name, options, key, said in (
            ("query", [], "", "RATEWIRE_KEY"),
            ("query", ["--csv"], foreign.text, "does not accept the key: no key has this text"),
            ("live", [], foreign.text, "does not accept the key: no key has this text"),
            ("history", [], reader.text, "does not allow this: the operation needs the scope history"),
        ):
            env = {**address, "RATEWIRE_KEY": key}
            async with started(
                *(*RATEWIRE, "query", str(files[name]), *options), cwd=ROOT, env=env
            ) as program:
                await program.line(has=said)
                assert await program.process.wait() == 1
                assert not key or key not in "".join(program.lines)


async def test_watch_goes_on_with_a_rotated_key_and_ends_with_a_revoked_one(
    keyed: Serve, tmp_path: Path
) -> None:
    """It reads the file for each connection, and does not try for ever to come in."""
    async with keyed(anonymous=False) as gateway:
        created, rotated = gateway.create(), gateway.create()
        file = tmp_path / "key"
        file.write_text(created.text)
        command = (*RATEWIRE, "watch", "--key-file", str(file))
        async with started(*command, cwd=ROOT, env={"RATEWIRE_URL": gateway.served.http}) as program:
            assert json.loads(await program.line())["kind"] == "SNAPSHOT"
            file.write_text(rotated.text)
            await gateway.revoke(created)
            assert "the key was revoked" in await program.line(has="connection lost")
            assert '"SNAPSHOT"' in await program.line(has='"kind"')
            await gateway.revoke(rotated)
            assert "the key was revoked" in await program.line(has="does not accept the key")
            assert await program.process.wait() == 1
            for each in (created, rotated):
                assert each.text not in "".join(program.lines)


async def test_watch_says_why_it_is_not_let_in(keyed: Serve) -> None:
    """Without a key, and with one that is for pages."""
    async with keyed(anonymous=False) as gateway:
        for key, said in (
            ("", "--key-file"),
            (
                gateway.create(origins=[LISTED]).text,
                "does not allow this: the key does not allow no `Origin`",
            ),
        ):
            env = {"RATEWIRE_URL": gateway.served.http, "RATEWIRE_KEY": key}
            async with started(*RATEWIRE, "watch", cwd=ROOT, env=env) as program:
                await program.line(has=said)
                assert await program.process.wait() == 1
