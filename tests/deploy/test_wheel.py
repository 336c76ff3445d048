"""The wheel holds everything that an installed Ratewire needs."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.e2e.processes import ROOT

pytestmark = pytest.mark.servers

WITHIN_S = 100
pytestmark = pytest.mark.servers
PACKAGES = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench", "tests", "tools"}


def run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Return what the command prints; it must end with 0."""
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git knows, because setuptools leaves a folder `build` behind."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    run("sh", "-c", f"{' '.join(listed)} | tar -c --null -T - | tar -x -C {source}", cwd=ROOT)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps")
    run(*pip, "--wheel-dir", str(target), str(source), cwd=target)
    (built,) = target.glob("*.whl")
    return built


def test_every_package_is_typed(wheel: Path) -> None:
    """With `py.typed`, type checkers read the annotations."""
    names = set(ZipFile(wheel).namelist())
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert not {name for name in names if name.partition("/")[0] in {"alembic", "bench", "tests", "tools"}}


def test_the_wheel_runs_by_itself(wheel: Path, tmp_path: Path) -> None:
    """It reads migrations, scripts and tables from the installed files, not from the checkout."""
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    env = {
        "PYTHONPATH": str(tmp_path / "site"),
        "PATH": "",
        "RATEWIRE_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/new.sqlite",
    }
    python = (sys.executable, "-m", "ratewire")
    run(*python, "migrate", cwd=tmp_path, env=env)
    assert "0 tracked" not in run(*python, "instruments", "list", cwd=tmp_path, env=env)
    code = "import gateway; print(gateway.__file__)"
    assert str(tmp_path) in run(sys.executable, "-c", code, cwd=tmp_path, env=env)


def test_the_wheel_has_every_data_file_of_the_packages(wheel: Path) -> None:
    """A file of a new kind has to be named in `pyproject.toml`."""
    listed = run("git", "ls-files", *sorted(PACKAGES), cwd=ROOT).split()
    names = set(ZipFile(wheel).namelist())
    # The template for new migrations serves developers only.
    assert not {name for name in listed if name not in names} - {"instruments/alembic/script.py.mako"}
