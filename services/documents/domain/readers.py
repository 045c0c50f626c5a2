"""Who may read what inside a tenant: documents that carry groups are for their members.

A document without groups is for the whole tenant.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from services.documents.domain.errors import ForeignGroup, TooManyGroups

MAX_GROUPS: Final = 50


@dataclass(frozen=True, kw_only=True)
class Reader:
    """The one behind a request; leads and anonymous visitors are in no group.

    Attributes:
        groups: Where they are a member; None reads everything.
        member_of: Where they are a member, also if they read everything.
    """

    groups: frozenset[UUID] | None = frozenset()
    member_of: frozenset[UUID] = frozenset()

    @classmethod
    def of(cls, groups: frozenset[UUID], *, reads_all: bool) -> Self:
        """Return the reader who is a member of these groups."""
        return cls(groups=None if reads_all else groups, member_of=groups)

    def may_read(self, groups: Collection[UUID]) -> bool:
        """Tell whether a document with these groups may be read."""
        return self.groups is None or not groups or not self.groups.isdisjoint(groups)

    @property
    def group_list(self) -> list[UUID] | None:
        """The groups as a database wants them."""
        return None if self.groups is None else sorted(self.groups)


def check_groups(
    groups: Collection[UUID], reader: Reader, *, present: Collection[UUID] = ()
) -> None:
    """Check that a caller may give a document to these groups.

    Only to their own, so that nobody shuts themselves out, and no id is a typing error or
    another company's; groups that are `present` may stay.

    Raises:
        TooManyGroups: There are more than 50.
        ForeignGroup: The caller is not in one of them.
    """
    if len(groups) > MAX_GROUPS:
        raise TooManyGroups
    strangers = set(groups) - reader.member_of - set(present)
    if strangers:
        raise ForeignGroup(details={"groups": sorted(map(str, strangers))})


EVERYTHING: Final = Reader(groups=None)
"""Reads all of a tenant: workers and operators."""
NO_GROUPS: Final = Reader()
"""Reads what is for the whole tenant."""
