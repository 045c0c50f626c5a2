"""Companies put together: their lives, and those who watch over all of them."""

from dataclasses import dataclass
from datetime import timedelta

from libs.common.crypto import KeyRing
from libs.common.http.client import ServiceClient
from libs.common.resources import Resources
from libs.common.security import Caller
from services.auth.adapters.company_figures import AnalyticsFigures
from services.auth.domain.company_figures import CompanyFigures
from services.auth.repositories.activity import Activity
from services.auth.repositories.companies import Companies
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.people import People
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.settings import Settings
from services.auth.use_cases.addresses import AddAddress, ListAddresses
from services.auth.use_cases.allowed_origins import SetAllowedOrigins, ShowAllowedOrigins
from services.auth.use_cases.change_any_company import ChangeAnyCompany
from services.auth.use_cases.change_geography import ChangeGeography
from services.auth.use_cases.company_statistics import CompanyStatistics
from services.auth.use_cases.config_values import SetConfig, ShowConfig
from services.auth.use_cases.count_related import CountRelated
from services.auth.use_cases.create_company import CreateCompany
from services.auth.use_cases.delete_company import DeleteCompanies
from services.auth.use_cases.list_activity import ListActivity
from services.auth.use_cases.list_companies import ListCompanies
from services.auth.use_cases.list_people import ListPeople
from services.auth.use_cases.restore_company import RestoreCompanies


@dataclass(frozen=True, kw_only=True)
class CompanyParts:
    """What use cases about companies are made of, beside the caller they act for."""

    companies: Companies
    people: People
    activity: Activity
    credentials: Credentials
    figures: CompanyFigures
    retention: timedelta
    platform_origins: tuple[str, ...]
    key_ring: KeyRing


def company_parts(
    resources: Resources, settings: Settings, credentials: Credentials
) -> CompanyParts:
    """Put the parts together."""
    analytics = ServiceClient(
        settings.analytics_url,
        audience="analytics",
        tokens=resources.service_tokens,
        http=resources.http,
    )
    return CompanyParts(
        companies=Companies(resources.database),
        people=People(resources.database),
        activity=Activity(resources.database),
        credentials=credentials,
        figures=AnalyticsFigures(analytics),
        retention=timedelta(days=settings.company_retention_days),
        platform_origins=tuple(settings.cors_allowed_origins),
        key_ring=resources.key_ring,
    )


@dataclass(frozen=True, kw_only=True)
class CompanyUseCases:
    """What a verified caller can do to companies: their own, or any for the platform's people."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    parts: CompanyParts

    @property
    def delete(self) -> DeleteCompanies:
        return DeleteCompanies(
            caller=self.caller, unit_of_work=self.unit_of_work, retention=self.parts.retention
        )

    @property
    def restore(self) -> RestoreCompanies:
        return RestoreCompanies(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def change(self) -> ChangeAnyCompany:
        return ChangeAnyCompany(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def found(self) -> CreateCompany:
        return CreateCompany(unit_of_work=self.unit_of_work, caller=self.caller)

    @property
    def list(self) -> ListCompanies:
        return ListCompanies(
            caller=self.caller, unit_of_work=self.unit_of_work, companies=self.parts.companies
        )

    @property
    def show_origins(self) -> ShowAllowedOrigins:
        return ShowAllowedOrigins(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def set_origins(self) -> SetAllowedOrigins:
        return SetAllowedOrigins(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            platform=self.parts.platform_origins,
        )

    @property
    def change_geography(self) -> ChangeGeography:
        return ChangeGeography(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def list_people(self) -> ListPeople:
        return ListPeople(
            unit_of_work=self.unit_of_work,
            credentials=self.parts.credentials,
            people=self.parts.people,
        )

    @property
    def list_activity(self) -> ListActivity:
        return ListActivity(unit_of_work=self.unit_of_work, activity=self.parts.activity)

    @property
    def statistics(self) -> CompanyStatistics:
        return CompanyStatistics(
            caller=self.caller, unit_of_work=self.unit_of_work, figures=self.parts.figures
        )

    @property
    def show_config(self) -> ShowConfig:
        return ShowConfig(
            caller=self.caller, unit_of_work=self.unit_of_work, key_ring=self.parts.key_ring
        )

    @property
    def set_config(self) -> SetConfig:
        return SetConfig(
            caller=self.caller, unit_of_work=self.unit_of_work, key_ring=self.parts.key_ring
        )

    @property
    def list_addresses(self) -> ListAddresses:
        return ListAddresses(
            caller=self.caller, unit_of_work=self.unit_of_work, key_ring=self.parts.key_ring
        )

    @property
    def add_address(self) -> AddAddress:
        return AddAddress(
            caller=self.caller, unit_of_work=self.unit_of_work, key_ring=self.parts.key_ring
        )

    @property
    def count_related(self) -> CountRelated:
        return CountRelated(unit_of_work=self.unit_of_work, figures=self.parts.figures)
