"""The chain of the audit trail shows what was done to it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from services.auth.domain.audit import GENESIS, canonical, chain_hash, first_broken

Link = tuple[int, bytes, bytes, dict[str, Any]]


def chain(length: int) -> list[Link]:
    """Make a whole trail."""
    links: list[Link] = []
    previous = GENESIS
    for sequence in range(1, length + 1):
        content = {"sequence": sequence, "description": f"entry {sequence}"}
        own = chain_hash(previous, content)
        links.append((sequence, previous, own, content))
        previous = own
    return links


def test_a_whole_chain_is_whole() -> None:
    assert first_broken([]) is None
    assert first_broken(chain(5)) is None


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_a_dropped_entry_shows(cut: int) -> None:
    links = chain(5)
    del links[cut]

    assert first_broken(links) == cut + 1


def test_changed_and_reordered_entries_show() -> None:
    changed, reordered = chain(5), chain(5)
    changed[2] = (*changed[2][:3], {"sequence": 3, "description": "nothing"})
    reordered[1], reordered[2] = reordered[2], reordered[1]

    assert first_broken(changed) == 3
    assert first_broken(reordered) == 2


def test_a_restamped_entry_breaks_the_next_one() -> None:
    links = chain(5)
    content = {"sequence": 3, "description": "nothing"}
    links[2] = (3, links[2][1], chain_hash(links[2][1], content), content)

    assert first_broken(links) == 4


def test_content_has_one_form() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5)))
    some_id = UUID(int=1)

    assert canonical({"a": moment, "b": some_id}) == canonical({"b": str(some_id), "a": elsewhere})
