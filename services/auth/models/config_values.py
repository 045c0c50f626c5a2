"""Settings under names that a company, or the platform, has chosen."""

from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import Timestamps
from services.auth.models.base import Base


class ConfigValue(Timestamps, Base):
    """One value; it is encrypted whether or not it is sensitive, which only says who reads it."""

    __tablename__ = "config_values"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    is_sensitive: Mapped[bool]
    sealed: Mapped[bytes]
