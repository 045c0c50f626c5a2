"""E-mail domains that a company claims, and those that it has proven."""

from datetime import datetime
from typing import Self

from sqlalchemy import DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned
from libs.common.ids import new_id
from services.auth.domain.email_domains import new_domain_token
from services.auth.models.base import Base


class EmailDomain(TenantOwned, Base):
    """A claim; `proven_at` says whether it means anything."""

    __tablename__ = "email_domains"

    domain: Mapped[str] = mapped_column(Text)
    token: Mapped[str] = mapped_column(Text)
    admits_registration: Mapped[bool] = mapped_column(default=False)
    """Whoever can read mail in this domain may register in the company by themselves."""
    proven_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    checked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    failed_checks: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    @classmethod
    def claimed(cls, domain: str, *, now: datetime) -> Self:
        """Make a claim that is yet to be proven."""
        return cls(
            id=new_id(),
            domain=domain,
            token=new_domain_token(),
            admits_registration=False,
            failed_checks=0,
            created_at=now,
        )
