"""Rows with an address that is sealed at rest."""

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from services.auth.domain.accounts import email_key

SEALED = "email_sealed"


class SealedEmail:
    """A row with an `email`; what is stored of it is `email_sealed`, and `email_index` to find it.

    Sealing and opening is the unit of work's (`repositories.emails`), as rows are written and read.
    `plain_email` and `plain_email_key` are what the version before reads. They are empty a
    day after an upgrade; while there, they say what counts.
    """

    if TYPE_CHECKING:
        tenant_id: Mapped[UUID]
        id: Mapped[UUID]

    email_sealed: Mapped[bytes | None]
    email_index: Mapped[bytes | None]
    plain_email: Mapped[str | None] = mapped_column("email", Text)
    plain_email_key: Mapped[str | None] = mapped_column("email_key", Text)

    @property
    def email(self) -> str:
        """The address, as it is shown and mailed to."""
        shown: str = self.__dict__["_shown_email"]
        return shown

    @email.setter
    def email(self, email: str) -> None:
        # Changing the stored form makes the row one to write; what writes it seals it.
        self.email_sealed = self.email_index = None
        self.plain_email, self.plain_email_key = email, email_key(email)
        self.show_email(email)

    @property
    def email_key(self) -> str:
        """The form in which addresses are compared."""
        return email_key(self.email)

    def show_email(self, email: str) -> None:
        """Tell the row its address, once it was opened."""
        self.__dict__["_shown_email"] = email
