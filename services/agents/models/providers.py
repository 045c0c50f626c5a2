"""The catalogue: providers and their models, shared by the platform or a tenant's own.

Shared rows belong to the platform tenant. A tenant that changes one gets a row of its own with
the same id, which shadows it; `deleted_at` on such a row hides the shared one from that tenant.
So a model's `provider_id` may name a shared row or an own one, and is no foreign key.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned, Timestamps
from services.agents.domain.catalogue import CatalogueStatus, ModelType
from services.agents.models.base import Base


class Provider(TenantOwned, Timestamps, Base):
    """Someone who runs models behind an OpenAI-compatible API."""

    __tablename__ = "providers"

    name: Mapped[str]
    label: Mapped[str]
    description: Mapped[str | None] = mapped_column(default=None)
    provider_type: Mapped[str]
    api_base_url: Mapped[str | None] = mapped_column(default=None)
    requires_api_key: Mapped[bool] = mapped_column(default=True)
    pricing: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[str] = mapped_column(default=CatalogueStatus.ACTIVE.value)
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)

    def is_called(self, name: str) -> bool:
        """Say whether people mean this provider by `name`."""
        return name.strip().lower() in {self.name.lower(), self.label.lower(), str(self.id)}

    def shadow(self) -> "Provider":
        """Make a row of the tenant's own that stands in for this shared one."""
        return Provider(
            id=self.id,
            name=self.name,
            label=self.label,
            description=self.description,
            provider_type=self.provider_type,
            api_base_url=self.api_base_url,
            requires_api_key=self.requires_api_key,
            pricing=dict(self.pricing),
            status=self.status,
        )


class Model(TenantOwned, Timestamps, Base):
    """One model of a provider; prices are per 1,000 tokens."""

    __tablename__ = "models"

    provider_id: Mapped[UUID]
    name: Mapped[str]
    display_name: Mapped[str]
    provider_model_id: Mapped[str]
    model_type: Mapped[str]
    context_window: Mapped[int | None] = mapped_column(default=None)
    embedding_dimension: Mapped[int | None] = mapped_column(default=None)
    input_price: Mapped[Decimal | None] = mapped_column(Numeric(14, 8), default=None)
    output_price: Mapped[Decimal | None] = mapped_column(Numeric(14, 8), default=None)
    currency: Mapped[str] = mapped_column(default="USD")
    features: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[str] = mapped_column(default=CatalogueStatus.ACTIVE.value)
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)

    def is_called(self, name: str) -> bool:
        """Say whether people mean this model by `name`."""
        own = {self.name, self.display_name, self.provider_model_id}
        return name.strip().lower() in {*map(str.lower, own), str(self.id)}

    def is_for(self, kind: ModelType) -> bool:
        """Say whether the model can do this kind of work."""
        return self.model_type in (kind, ModelType.BOTH)

    @property
    def prices_per_million(self) -> tuple[float, float]:
        """What a million tokens cost going in and coming out, in US dollars; 0 where unknown."""
        if self.currency != "USD":
            return 0.0, 0.0
        return float((self.input_price or 0) * 1000), float((self.output_price or 0) * 1000)

    def shadow(self) -> "Model":
        """Make a row of the tenant's own that stands in for this shared one."""
        return Model(
            id=self.id,
            provider_id=self.provider_id,
            name=self.name,
            display_name=self.display_name,
            provider_model_id=self.provider_model_id,
            model_type=self.model_type,
            context_window=self.context_window,
            embedding_dimension=self.embedding_dimension,
            input_price=self.input_price,
            output_price=self.output_price,
            currency=self.currency,
            features=dict(self.features),
            status=self.status,
        )
