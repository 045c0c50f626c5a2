"""The shapes of companies that come and go, and of lists of all of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from libs.common.http import Page, pagination
from services.auth.models.tenants import Tenant
from services.auth.repositories.companies import CompanyFilter
from services.auth.schemas.companies import CompanyIn, CompanyOut
from services.auth.use_cases.create_company import CompanyDetails
from services.auth.use_cases.list_companies import WatchedCompany

MAX_COMPANIES = 100


class AnyCompanyOut(CompanyOut):
    """A company as the platform's people see it."""

    deleted_at: datetime | None
    erase_after: datetime | None = Field(description="Until then it can be restored.")

    @classmethod
    def any(cls, tenant: Tenant) -> Self:
        """Show a company in any state."""
        return cls(
            **CompanyOut.of(tenant).model_dump(),
            deleted_at=tenant.deleted_at,
            erase_after=tenant.erase_after,
        )


class WatchedCompanyOut(AnyCompanyOut):
    """A company with auth's own counts."""

    users: int
    api_keys: int

    @classmethod
    def watched(cls, company: WatchedCompany) -> Self:
        """Show a company with its counts."""
        shown = AnyCompanyOut.any(company.tenant)
        return cls(**shown.model_dump(), users=company.users, api_keys=company.api_keys)


class CompanyStateReply(BaseModel):
    """A company after it was deleted or restored."""

    success: bool = True
    message: str
    company: AnyCompanyOut
    id: UUID

    @classmethod
    def reply(cls, tenant: Tenant, message: str) -> Self:
        """Show the company."""
        return cls(message=message, company=AnyCompanyOut.any(tenant), id=tenant.tenant_id)


class CompanyIdsIn(BaseModel):
    """Which companies; all of them or none are acted on."""

    company_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_COMPANIES)]

    def distinct(self) -> list[UUID]:
        """Return each id once, in a fixed order."""
        return sorted(set(self.company_ids))


class CompaniesDeletedReply(BaseModel):
    """How many companies were deleted."""

    success: bool = True
    message: str
    deleted_count: int
    deleted_companies: list[UUID]


class CompaniesRestoredReply(BaseModel):
    """How many companies were restored."""

    success: bool = True
    message: str
    restored_count: int
    restored_companies: list[UUID]


class CascadeDeleteIn(BaseModel):
    """Whether what hangs on a company goes, too: then nothing of it can be restored."""

    delete_related: bool = False


class AnyCompanyIn(CompanyIn):
    """What the platform's people may change besides."""

    is_active: bool | None = None
    is_verified: bool | None = None

    def details(self) -> CompanyDetails:
        """Return what the company could change itself, in the use case's words."""
        return CompanyDetails(**self.model_dump(exclude={"is_active", "is_verified"}))


class RelatedDataReply(BaseModel):
    """How many things of each kind hang on a company."""

    success: bool = True
    company_id: UUID
    related_data: dict[str, int]
    total: int = Field(description="Of things; bytes and tokens are not in it.")


class CompanyQuery(BaseModel):
    """Which companies, and which page of them."""

    page: Annotated[int, Field(ge=1, le=100_000)] = 1
    per_page: Annotated[int, Field(ge=1, le=100)] = 10
    status: Literal["active", "inactive", "deleted"] | None = None
    search: Annotated[str, Field(max_length=200)] | None = None
    is_active: bool | None = None
    is_verified: bool | None = None

    def wanted(self) -> CompanyFilter:
        """Return it in the repository's words."""
        active = self.is_active
        if self.status in ("active", "inactive"):
            active = self.status == "active"
        return CompanyFilter(
            search=self.search,
            is_active=active,
            is_verified=self.is_verified,
            deleted=self.status == "deleted",
        )


class CompanyListReply(BaseModel):
    """One page of companies, under the names that clients look for."""

    companies: list[WatchedCompanyOut]
    data: list[WatchedCompanyOut]
    pagination: Page

    @classmethod
    def reply(
        cls, found: Sequence[WatchedCompany], *, page: int, per_page: int, total: int
    ) -> Self:
        """Show a page of companies."""
        shown = [WatchedCompanyOut.watched(company) for company in found]
        described = pagination(page=page, per_page=per_page, total=total)
        return cls(companies=shown, data=shown, pagination=described)


class WidePage(Page):
    """A page, also under the names that one old list has for it."""

    current_page: int
    total_items: int
    total_pages: int
    next_page: int | None
    prev_page: int | None

    @classmethod
    def of(cls, page: Page) -> Self:
        """Say it twice."""
        return cls(
            **page.model_dump(),
            current_page=page.page,
            total_items=page.total,
            total_pages=page.pages,
            next_page=page.page + 1 if page.has_next else None,
            prev_page=page.page - 1 if page.has_prev else None,
        )


class AllCompaniesReply(CompanyListReply):
    """One page of all companies."""

    items: list[WatchedCompanyOut]
    stats: dict[str, int]
    pagination: WidePage

    @classmethod
    def all(cls, found: Sequence[WatchedCompany], *, page: int, per_page: int, total: int) -> Self:
        """Show a page of all companies."""
        plain = CompanyListReply.reply(found, page=page, per_page=per_page, total=total)
        return cls(
            companies=plain.companies,
            data=plain.companies,
            items=plain.companies,
            stats={
                "total_companies": total,
                "users_on_page": sum(company.users for company in found),
                "api_keys_on_page": sum(company.api_keys for company in found),
            },
            pagination=WidePage.of(plain.pagination),
        )


class AnyCompanyReply(WatchedCompanyOut):
    """A company: flat and as `company`, with what auth and analytics count of it."""

    company: WatchedCompanyOut
    stats: dict[str, int]
    analytics: dict[str, int]

    @classmethod
    def reply(cls, company: WatchedCompany, figures: dict[str, int]) -> Self:
        """Show a company with its figures."""
        shown = WatchedCompanyOut.watched(company)
        return cls(
            **shown.model_dump(),
            company=shown,
            stats={"users": company.users, "api_keys": company.api_keys},
            analytics=figures,
        )
