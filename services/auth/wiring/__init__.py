"""Auth put together: adapters once a process, use cases with the caller they act for."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from libs.common.background import running
from libs.common.http.outbound import Outbound
from libs.common.http.rates import TENANT_CLASSES
from libs.common.rate_limits import Rate
from libs.common.resources import Resources
from libs.common.security import Caller
from libs.common.telemetry.logging import get_logger
from libs.common.wake import Wake
from services.auth.adapters.access_tokens import Es256AccessTokens
from services.auth.adapters.identity_providers import OidcProviders
from services.auth.adapters.passkeys import WebAuthn
from services.auth.adapters.password_hashing import Argon2PasswordHasher
from services.auth.adapters.revocations import RedisRevocations
from services.auth.adapters.txt_records import DnsTxtRecords
from services.auth.domain.policies import default_mfa
from services.auth.domain.ports import MailSender, PasswordHasher, Revocations
from services.auth.domain.signing import RELOAD_SECONDS
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.emails import Emails
from services.auth.repositories.key_uses import KeyUses
from services.auth.repositories.lead_sessions import LeadSessions
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.add_user import AddUser
from services.auth.use_cases.assign_roles import AssignRoles, ShowUserRoles
from services.auth.use_cases.check_second_factor import CheckSecondFactor
from services.auth.use_cases.check_session import CheckSession
from services.auth.use_cases.company_logo import SetLogo
from services.auth.use_cases.create_api_key import CreateApiKey
from services.auth.use_cases.create_role import CreateRole
from services.auth.use_cases.delete_role import DeleteRole
from services.auth.use_cases.export_audit_entries import ExportAuditEntries
from services.auth.use_cases.lead_sessions import EndLeadSessions, KeepLeadSession
from services.auth.use_cases.list_api_keys import ListApiKeys, ListCompanyKeys
from services.auth.use_cases.list_audit_entries import ListAuditEntries
from services.auth.use_cases.list_roles import ListRoles, ShowRole
from services.auth.use_cases.list_users import ListUsers
from services.auth.use_cases.load_signing_keys import LoadSigningKeys
from services.auth.use_cases.log_out import LogOut
from services.auth.use_cases.rate_limits import SetRateLimits, ShowRateLimits
from services.auth.use_cases.release_address import ReleaseAddress
from services.auth.use_cases.revoke_api_key import RevokeApiKey
from services.auth.use_cases.rotate_api_key import RotateApiKey
from services.auth.use_cases.show_account import ShowAccount
from services.auth.use_cases.show_company import ShowCompany
from services.auth.use_cases.show_user import ShowUser
from services.auth.use_cases.update_api_key import UpdateApiKey
from services.auth.use_cases.update_company import UpdateCompany
from services.auth.use_cases.update_profile import UpdateProfile
from services.auth.use_cases.update_role import UpdateRole
from services.auth.use_cases.verify_api_key import VerifyApiKey
from services.auth.use_cases.verify_scim_token import VerifiedDirectory
from services.auth.wiring.companies import CompanyParts, CompanyUseCases, company_parts
from services.auth.wiring.federation import (
    DirectoryUseCases,
    Federation,
    FederationUseCases,
)
from services.auth.wiring.people import (
    Parts,
    PeopleUseCases,
    auth_settings,
    mail_sender,
    throttle_of,
)
from services.auth.wiring.public import PublicUseCases, public_use_cases

__all__ = ["CallerUseCases", "InternalUseCases", "PublicUseCases", "Wiring", "wire"]

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class CallerUseCases(PeopleUseCases):
    """What a verified caller can do; each use case acts in the caller's tenant."""

    platform_rates: Mapping[str, Rate]
    federated: Federation
    company_parts: CompanyParts

    @property
    def companies(self) -> CompanyUseCases:
        return CompanyUseCases(
            caller=self.caller, unit_of_work=self.unit_of_work, parts=self.company_parts
        )

    @property
    def federation(self) -> FederationUseCases:
        return FederationUseCases(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            revocations=self.revocations,
            parts=self.federated,
        )

    @property
    def hasher(self) -> PasswordHasher:
        return self.parts.hasher

    @property
    def revocations(self) -> Revocations:
        return self.parts.revocations

    @property
    def log_out(self) -> LogOut:
        return LogOut(
            caller=self.caller, unit_of_work=self.unit_of_work, revocations=self.revocations
        )

    @property
    def show_account(self) -> ShowAccount:
        return ShowAccount(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def update_profile(self) -> UpdateProfile:
        return UpdateProfile(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def add_user(self) -> AddUser:
        return AddUser(caller=self.caller, unit_of_work=self.unit_of_work, hasher=self.hasher)

    @property
    def show_user(self) -> ShowUser:
        return ShowUser(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def list_users(self) -> ListUsers:
        return ListUsers(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def create_api_key(self) -> CreateApiKey:
        return CreateApiKey(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def list_api_keys(self) -> ListApiKeys:
        return ListApiKeys(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def revoke_api_key(self) -> RevokeApiKey:
        return RevokeApiKey(
            caller=self.caller, unit_of_work=self.unit_of_work, revocations=self.revocations
        )

    @property
    def update_api_key(self) -> UpdateApiKey:
        return UpdateApiKey(
            caller=self.caller, unit_of_work=self.unit_of_work, revocations=self.revocations
        )

    @property
    def rotate_api_key(self) -> RotateApiKey:
        return RotateApiKey(
            caller=self.caller, unit_of_work=self.unit_of_work, revocations=self.revocations
        )

    @property
    def list_company_keys(self) -> ListCompanyKeys:
        return ListCompanyKeys(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def revoke_company_key(self) -> RevokeApiKey:
        return RevokeApiKey(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            revocations=self.revocations,
            anybodys=True,
        )

    @property
    def list_roles(self) -> ListRoles:
        return ListRoles(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def show_role(self) -> ShowRole:
        return ShowRole(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def create_role(self) -> CreateRole:
        return CreateRole(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def update_role(self) -> UpdateRole:
        return UpdateRole(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def delete_role(self) -> DeleteRole:
        return DeleteRole(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def show_user_roles(self) -> ShowUserRoles:
        return ShowUserRoles(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def assign_roles(self) -> AssignRoles:
        return AssignRoles(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def show_company(self) -> ShowCompany:
        return ShowCompany(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            key_ring=self.company_parts.key_ring,
        )

    @property
    def update_company(self) -> UpdateCompany:
        return UpdateCompany(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            key_ring=self.company_parts.key_ring,
        )

    @property
    def list_audit_entries(self) -> ListAuditEntries:
        return ListAuditEntries(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def set_logo(self) -> SetLogo:
        return SetLogo(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def show_rate_limits(self) -> ShowRateLimits:
        return ShowRateLimits(
            caller=self.caller, unit_of_work=self.unit_of_work, platform=self.platform_rates
        )

    @property
    def set_rate_limits(self) -> SetRateLimits:
        return SetRateLimits(
            caller=self.caller, unit_of_work=self.unit_of_work, platform=self.platform_rates
        )

    @property
    def export_audit_entries(self) -> ExportAuditEntries:
        return ExportAuditEntries(caller=self.caller, unit_of_work=self.unit_of_work)


@dataclass(frozen=True, kw_only=True)
class InternalUseCases:
    """What the platform's services ask of auth."""

    verify_api_key: VerifyApiKey
    check_session: CheckSession
    access_tokens: Es256AccessTokens
    keep_lead_session: KeepLeadSession
    end_lead_sessions: EndLeadSessions
    mail_sender: MailSender


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """Everything that lives as long as the process."""

    unit_of_work: OpenUnitOfWork
    parts: Parts
    platform_rates: Mapping[str, Rate]
    federation: Federation
    company_parts: CompanyParts
    public: PublicUseCases
    internal: InternalUseCases

    def for_caller(self, caller: Caller) -> CallerUseCases:
        """Return the use cases of a verified caller."""

        def unit_of_work(tenant_id: UUID, *, read_only: bool = False) -> AuthUnitOfWork:
            uow = self.unit_of_work(tenant_id, read_only=read_only)
            uow.impersonator_id = caller.impersonator_id
            return uow

        return CallerUseCases(
            caller=caller,
            unit_of_work=unit_of_work,
            parts=self.parts,
            platform_rates=self.platform_rates,
            federated=self.federation,
            company_parts=self.company_parts,
        )

    def for_directory(self, directory: VerifiedDirectory) -> DirectoryUseCases:
        """Return the use cases of a company's directory."""
        return DirectoryUseCases(
            directory=directory,
            unit_of_work=self.unit_of_work,
            hasher=self.parts.hasher,
            revocations=self.parts.revocations,
            release=ReleaseAddress(
                unit_of_work=self.unit_of_work, credentials=self.parts.credentials
            ),
        )


@asynccontextmanager
async def wire(resources: Resources) -> AsyncIterator[Wiring]:
    """Put the service together; the first process ever makes the platform's signing key."""
    wake = Wake(resources.quick_redis, resources.service)
    emails = Emails(resources.database, resources.key_ring)

    def unit_of_work(tenant_id: UUID, *, read_only: bool = False) -> AuthUnitOfWork:
        return AuthUnitOfWork(
            resources.database, tenant_id, emails=emails, read_only=read_only, wake=wake
        )

    settings = auth_settings(resources)
    load_keys = LoadSigningKeys(database=resources.database, key_ring=resources.key_ring)
    access_tokens = Es256AccessTokens(await load_keys())
    hasher = Argon2PasswordHasher()
    credentials = Credentials(resources.database, emails)
    uses = KeyUses(credentials)
    lead_sessions = LeadSessions(resources.database)
    passkeys = WebAuthn(settings.public_url)
    parts = Parts(
        hasher=hasher,
        revocations=RedisRevocations(resources.quick_redis),
        credentials=credentials,
        throttle=throttle_of(resources),
        check=CheckSecondFactor(key_ring=resources.key_ring, passkeys=passkeys),
        access_tokens=access_tokens,
        default_mfa=default_mfa(enabled=settings.mfa_enabled),
    )
    async with AsyncExitStack() as ending:
        ending.push_async_callback(wake.aclose)
        ending.callback(hasher.close)
        ending.push_async_callback(uses.write)
        outbound = await ending.enter_async_context(Outbound.open(settings.outbound_policy))
        federation = Federation(
            key_ring=resources.key_ring,
            providers=OidcProviders(outbound),
            records=DnsTxtRecords(settings.dns_servers),
            public_url=settings.public_url,
        )
        public = public_use_cases(resources, settings, parts, federation, unit_of_work)
        await public.seed_super_admin()
        await ending.enter_async_context(running(uses.run(), name="key uses"))
        await ending.enter_async_context(
            running(_reload_keys(load_keys, access_tokens), name="signing keys")
        )
        yield Wiring(
            unit_of_work=unit_of_work,
            parts=parts,
            platform_rates={
                name: resources.rate_limits.rate_of(name) for name in sorted(TENANT_CLASSES)
            },
            federation=federation,
            company_parts=company_parts(resources, settings, credentials),
            public=public,
            internal=InternalUseCases(
                verify_api_key=VerifyApiKey(credentials=credentials, uses=uses),
                check_session=CheckSession(credentials=credentials),
                access_tokens=access_tokens,
                keep_lead_session=KeepLeadSession(
                    sessions=lead_sessions, access_tokens=access_tokens
                ),
                end_lead_sessions=EndLeadSessions(
                    sessions=lead_sessions, revocations=parts.revocations
                ),
                mail_sender=mail_sender(settings),
            ),
        )


async def _reload_keys(load: LoadSigningKeys, access_tokens: Es256AccessTokens) -> None:
    """Take up, for ever, the keys that are made while we run."""
    while True:
        await asyncio.sleep(RELOAD_SECONDS)
        try:
            access_tokens.use(await load())
        except Exception:
            # Those we have go on signing; an outage of PostgreSQL is no reason to stop.
            log.warning("signing_keys_not_reloaded", exc_info=True)
