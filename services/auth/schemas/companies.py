"""The shapes of companies: what the API calls tenants."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from services.auth.models.tenants import Tenant
from services.auth.schemas.addresses import AddressOut
from services.auth.schemas.geography import PlaceId
from services.auth.use_cases.addresses import FullAddress
from services.auth.use_cases.create_company import CompanyDetails
from services.auth.use_cases.show_company import ShownCompany

CompanyName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, max_length=40)]
EmailText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254)]


def logo_path(logo_id: UUID) -> str:
    """Return where a picture is to be had."""
    return f"/api/v1/company/logo/{logo_id}"


class LogoReply(BaseModel):
    """The company's logo after a change."""

    message: str
    logo: str | None


class CompanyOut(BaseModel):
    """A company as its own people see it."""

    id: UUID
    name: str
    email: str | None
    phone: str | None
    website: str | None
    industry: str | None
    logo: str | None = Field(description="The picture's path.")
    address: AddressOut | None = Field(
        default=None, description="The primary one; told where a company is asked for by itself."
    )
    is_active: bool
    is_verified: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, tenant: Tenant, address: FullAddress | None = None) -> Self:
        """Show a company."""
        return cls(
            address=AddressOut.of(address) if address else None,
            logo=logo_path(tenant.logo_id) if tenant.logo_id else None,
            id=tenant.tenant_id,
            name=tenant.name,
            email=tenant.email,
            phone=tenant.phone,
            website=tenant.website,
            industry=tenant.industry,
            is_active=tenant.is_active,
            is_verified=tenant.is_verified,
            created_at=tenant.created_at,
            updated_at=tenant.updated_at,
        )


class NewCompanyIn(BaseModel):
    """A company to be made."""

    name: CompanyName
    email: EmailText
    phone: Phone | None = None
    website: ShortText | None = None
    industry: ShortText | None = None

    def details(self) -> CompanyDetails:
        """Return it in the use case's words."""
        return CompanyDetails(**self.model_dump())


class CompanyIn(BaseModel):
    """What changes; a field that is left out stays as it is."""

    name: CompanyName | None = None
    email: EmailText | None = None
    phone: Phone | None = None
    website: ShortText | None = None
    industry: ShortText | None = None

    def details(self) -> CompanyDetails:
        """Return it in the use case's words."""
        return CompanyDetails(**self.model_dump())


class OwnCompanyIn(CompanyIn):
    """What a company changes about itself."""

    address_id: PlaceId | None = Field(
        default=None, description="Which of its addresses is the primary one."
    )

    def details(self) -> CompanyDetails:
        """Return the rest in the use case's words."""
        return CompanyDetails(**self.model_dump(exclude={"address_id"}))


class NewCompanyOut(BaseModel):
    """A company that nobody is in yet; anybody may see this much of what they just made."""

    id: UUID
    name: str
    email: str | None
    phone: str | None
    website: str | None
    industry: str | None
    created_at: datetime


class NewCompanyReply(NewCompanyOut):
    """The new company: flat, and once more as `company`; its id is needed to register."""

    message: str
    company: NewCompanyOut

    @classmethod
    def reply(cls, tenant: Tenant) -> Self:
        """Show a new company."""
        shown = NewCompanyOut(**CompanyOut.of(tenant).model_dump())
        return cls(**shown.model_dump(), company=shown, message="Company created.")


class CompanyReply(CompanyOut):
    """The caller's company: flat, as `company`, and as the one entry of `companies`."""

    company: CompanyOut
    companies: list[CompanyOut]

    @classmethod
    def reply(cls, company: ShownCompany) -> Self:
        """Show the caller's company."""
        shown = CompanyOut.of(company.tenant, company.address)
        return cls(**shown.model_dump(), company=shown, companies=[shown])


class CompanyChangedReply(BaseModel):
    """A company after a change."""

    success: bool = True
    message: str
    data: CompanyOut
    company: CompanyOut
    id: UUID

    @classmethod
    def reply(cls, tenant: Tenant, address: FullAddress | None = None) -> Self:
        """Show the changed company."""
        shown = CompanyOut.of(tenant, address)
        return cls(message="Company updated.", data=shown, company=shown, id=shown.id)


class Statistics(BaseModel):
    """What happened in some days."""

    total_leads: int = Field(description="Who registered in these days, and was not deleted.")
    qualified_leads: int = Field(description="Those of them who are qualified or converted.")
    active_conversations: int
    conversion_rate: float = Field(description="How many of these leads converted, in percent.")
    period_days: int


class StatisticsReply(BaseModel):
    """A company's statistics."""

    success: bool = True
    statistics: Statistics

    @classmethod
    def of(cls, figures: Mapping[str, int], *, days: int) -> Self:
        """Show what analytics has counted."""
        leads = figures["recent_leads"]
        converted = figures["recent_converted_leads"]
        return cls(
            statistics=Statistics(
                total_leads=leads,
                qualified_leads=figures["recent_qualified_leads"],
                active_conversations=figures["active_conversations"],
                conversion_rate=round(100 * converted / leads, 2) if leads else 0.0,
                period_days=days,
            )
        )
