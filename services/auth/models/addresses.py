"""Where a company is."""

from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import Timestamps
from services.auth.models.base import Base


class Address(Timestamps, Base):
    """An address; what leads to a door is sealed."""

    __tablename__ = "addresses"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    country_id: Mapped[int] = mapped_column(BigInteger)
    state_id: Mapped[int] = mapped_column(BigInteger)
    city_id: Mapped[int] = mapped_column(BigInteger)
    is_primary: Mapped[bool]
    # JSON of street, postal code and coordinates, encrypted.
    sealed: Mapped[bytes]
