"""What the pages for people name is there: files, links, targets of make."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMED = re.compile(r"`([\w./-]+\.py)(?:: \w+)?`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
TARGET = re.compile(r"`(?:[A-Z]+=\S+ )?make ([a-z0-9-]+)")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def files() -> list[str]:
    folders = ("services", "libs", "ops", "bench", "tests", "docker")
    return [f"/{name_of(file)}" for folder in folders for file in (ROOT / folder).rglob("*.py")]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_named_files_are_there(page: Path, files: list[str]) -> None:
    missing = [
        name
        for name in NAMED.findall(page.read_text(encoding="utf-8"))
        # A page may leave out the service it speaks of, or the room.
        if not any(file.endswith(f"/{name}") for file in files)
    ]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_exist(page: Path) -> None:
    targets = set(_targets())
    assert "run" in targets
    named = set(TARGET.findall(page.read_text(encoding="utf-8")))
    assert named <= targets


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {page.name for page in folder.glob("*.md")} - {"README.md"}


def _targets() -> Iterator[str]:
    for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines():
        if (found := re.match(r"([a-z0-9-]+):", line)) is not None:
            yield found[1]
