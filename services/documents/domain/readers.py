"""Who may read what inside a tenant: documents that carry groups are for their members.

A document without groups is for the whole tenant.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.documents.domain.errors import ForeignGroup, TooManyGroups

MAX_GROUPS: Final = 50


@dataclass(frozen=True, kw_only=True)
class Reader:
    """The one behind a request; leads and anonymous visitors are in no group.

    Attributes:
        groups: Where they are a member; None reads everything.
    """

    groups: frozenset[UUID] | None = frozenset()

    def may_read(self, groups: Collection[UUID]) -> bool:
        """Tell whether a document with these groups may be read."""
        return self.groups is None or not groups or not self.groups.isdisjoint(groups)

    @property
    def reads_everything(self) -> bool:
        """Whether groups do not matter."""
        return self.groups is None

    @property
    def group_list(self) -> list[UUID] | None:
        """The groups as a database wants them."""
        return None if self.groups is None else sorted(self.groups)


def check_groups(groups: Collection[UUID], reader: Reader) -> None:
    """Check that a caller may give a document to these groups.

    Only to their own, so that nobody shuts themselves out, and no name is a typing error.

    Raises:
        TooManyGroups: There are more than 50.
        ForeignGroup: The caller is not in one of them.
    """
    if len(groups) > MAX_GROUPS:
        raise TooManyGroups
    if reader.groups is not None and not reader.groups.issuperset(groups):
        strangers = sorted(str(group) for group in set(groups) - reader.groups)
        raise ForeignGroup(details={"groups": strangers})


EVERYTHING: Final = Reader(groups=None)
"""Reads all of a tenant: workers and operators."""
NO_GROUPS: Final = Reader()
"""Reads what is for the whole tenant."""
