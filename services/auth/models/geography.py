"""Countries, states and cities: the platform's, and a company's own beside or instead of them.

The platform's have GeoNames' ids. A company's own row with the id of a shared one shadows it.
"""

from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.auth.models.base import Base


class Place(Base):
    """What the three have in common."""

    __abstract__ = True

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text)


class Country(Place):
    """A country; `iso_code` is ISO 3166's of two letters where it is the platform's."""

    __tablename__ = "countries"

    iso_code: Mapped[str | None] = mapped_column(Text)

    @property
    def iso2(self) -> str | None:
        """The code, by the name that some clients read."""
        return self.iso_code


class State(Place):
    """The first division of a country."""

    __tablename__ = "states"

    country_id: Mapped[int] = mapped_column(BigInteger)
    state_code: Mapped[str | None] = mapped_column(Text)


class City(Place):
    """A city or town."""

    __tablename__ = "cities"

    state_id: Mapped[int] = mapped_column(BigInteger)
    postal_code_prefix: Mapped[str | None] = mapped_column(Text)
