"""What may be spent on chat models, by agent and by company."""

from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned, Timestamps
from services.agents.models.base import Base


class Budget(TenantOwned, Timestamps, Base):
    """The most that one agent, or without one the whole company, may use up in a period.

    `amount` is in tokens, or in millionths of a US dollar.
    """

    __tablename__ = "budgets"

    agent_id: Mapped[UUID | None] = mapped_column(default=None)
    period: Mapped[str]
    unit: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    on_exhausted: Mapped[str]
