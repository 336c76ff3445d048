"""The workflows run what a developer runs, on the Python versions that the project supports."""

import re
import tomllib

import pytest

from tests.e2e.processes import ROOT

CI = (ROOT / ".github/workflows/ci.yml").read_text()
RELEASE = (ROOT / ".github/workflows/release.yml").read_text()


def versions(job: str) -> list[str]:
    """The Python versions in the matrix of a job."""
    found = re.search(rf"^  {job}:\n.*?python: \[(.*?)\]", CI, re.MULTILINE | re.DOTALL)
    assert found is not None
    return re.findall(r'"([\d.]+)"', found[1])


def image_version() -> str:
    found = re.search(
        r"^FROM python:([\d.]+)-slim AS build$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    assert found is not None
    return found[1]


def test_every_supported_python_is_checked() -> None:
    """Those of the classifiers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    classifiers = [line.rpartition(" ")[2] for line in project["classifiers"] if "Python :: 3." in line]
    assert versions("check") == classifiers
    assert project["requires-python"] == f">={classifiers[0]}"


def test_the_whole_suite_runs_on_the_python_of_the_image() -> None:
    """And on the oldest and the newest."""
    assert set(versions("test")) == {versions("check")[0], image_version(), versions("check")[-1]}


@pytest.mark.parametrize("workflow", [CI, RELEASE], ids=["ci", "release"])
def test_the_workflows_call_targets_that_exist(workflow: str) -> None:
    """CI runs nothing that a developer cannot."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = set(re.findall(r"run: make ([a-z-]+)", workflow))
    assert called
    assert called <= targets


@pytest.mark.parametrize("workflow", [CI, RELEASE], ids=["ci", "release"])
def test_every_action_is_pinned_by_its_commit(workflow: str) -> None:
    """With its version in a comment, which dependabot keeps up to date."""
    used = re.findall(r"uses: (.*)", workflow)
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) for each in used)


def test_one_action_has_one_version_in_all_workflows() -> None:
    """Otherwise one of them is forgotten."""
    used = set(re.findall(r"uses: (\S+)@([0-9a-f]{40})", CI + RELEASE))
    assert len({name for name, _ in used}) == len(used)
