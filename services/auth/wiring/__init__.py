"""Auth put together: adapters once a process, use cases with the caller they act for."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from libs.common.background import running
from libs.common.http.rates import TENANT_CLASSES
from libs.common.rate_limits import Rate
from libs.common.resources import Resources
from libs.common.security import Caller
from libs.common.telemetry.logging import get_logger
from libs.common.wake import Wake
from services.auth.adapters.access_tokens import Es256AccessTokens
from services.auth.adapters.passkeys import WebAuthn
from services.auth.adapters.password_hashing import Argon2PasswordHasher
from services.auth.adapters.revocations import RedisRevocations
from services.auth.adapters.service_health import HttpServiceProbe
from services.auth.domain.policies import default_mfa
from services.auth.domain.ports import PasswordHasher, Revocations, ServiceProbe
from services.auth.domain.signing import RELOAD_SECONDS
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.key_uses import KeyUses
from services.auth.repositories.logos import LogoShelf
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.settings import Settings
from services.auth.use_cases.accept_invitation import AcceptInvitation
from services.auth.use_cases.add_user import AddUser
from services.auth.use_cases.assign_roles import AssignRoles, ShowUserRoles
from services.auth.use_cases.check_platform_health import SERVICES, CheckPlatformHealth
from services.auth.use_cases.check_second_factor import CheckSecondFactor
from services.auth.use_cases.check_session import CheckSession
from services.auth.use_cases.company_logo import SetLogo, ShowLogo
from services.auth.use_cases.complete_login import CompleteLogIn
from services.auth.use_cases.create_api_key import CreateApiKey
from services.auth.use_cases.create_company import CreateCompany
from services.auth.use_cases.create_role import CreateRole
from services.auth.use_cases.delete_role import DeleteRole
from services.auth.use_cases.export_audit_entries import ExportAuditEntries
from services.auth.use_cases.list_api_keys import ListApiKeys, ListCompanyKeys
from services.auth.use_cases.list_audit_entries import ListAuditEntries
from services.auth.use_cases.list_roles import ListRoles, ShowRole
from services.auth.use_cases.list_users import ListUsers
from services.auth.use_cases.load_signing_keys import LoadSigningKeys
from services.auth.use_cases.log_in import LogIn
from services.auth.use_cases.log_in_with_passkey import BeginPasskeyLogIn, LogInWithPasskey
from services.auth.use_cases.log_out import LogOut
from services.auth.use_cases.rate_limits import SetRateLimits, ShowRateLimits
from services.auth.use_cases.refresh_session import RefreshSession
from services.auth.use_cases.register_user import RegisterUser
from services.auth.use_cases.request_invitation import RequestInvitation
from services.auth.use_cases.reset_password import RequestPasswordReset, ResetPassword
from services.auth.use_cases.revoke_api_key import RevokeApiKey
from services.auth.use_cases.rotate_api_key import RotateApiKey
from services.auth.use_cases.seed_super_admin import SeedSuperAdmin
from services.auth.use_cases.show_account import ShowAccount
from services.auth.use_cases.show_company import ShowCompany
from services.auth.use_cases.show_user import ShowUser
from services.auth.use_cases.start_session import StartSession
from services.auth.use_cases.update_api_key import UpdateApiKey
from services.auth.use_cases.update_company import UpdateCompany
from services.auth.use_cases.update_profile import UpdateProfile
from services.auth.use_cases.update_role import UpdateRole
from services.auth.use_cases.verify_api_key import VerifyApiKey
from services.auth.use_cases.verify_email import RequestVerification, VerifyEmail
from services.auth.wiring.people import Parts, PeopleUseCases, auth_settings, throttle_of

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class CallerUseCases(PeopleUseCases):
    """What a verified caller can do; each use case acts in the caller's tenant."""

    platform_rates: Mapping[str, Rate]

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
        return ShowCompany(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def update_company(self) -> UpdateCompany:
        return UpdateCompany(caller=self.caller, unit_of_work=self.unit_of_work)

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
class PublicUseCases:
    """What anybody can do, without credentials or to get some."""

    register_user: RegisterUser
    create_company: CreateCompany
    show_logo: ShowLogo
    log_in: LogIn
    refresh_session: RefreshSession
    complete_log_in: CompleteLogIn
    begin_passkey_log_in: BeginPasskeyLogIn
    log_in_with_passkey: LogInWithPasskey
    accept_invitation: AcceptInvitation
    request_invitation: RequestInvitation
    request_verification: RequestVerification
    verify_email: VerifyEmail
    request_password_reset: RequestPasswordReset
    reset_password: ResetPassword
    seed_super_admin: SeedSuperAdmin
    check_platform_health: CheckPlatformHealth


@dataclass(frozen=True, kw_only=True)
class InternalUseCases:
    """What the platform's services ask of auth."""

    verify_api_key: VerifyApiKey
    check_session: CheckSession
    access_tokens: Es256AccessTokens


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """Everything that lives as long as the process."""

    unit_of_work: OpenUnitOfWork
    parts: Parts
    platform_rates: Mapping[str, Rate]
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
        )


@asynccontextmanager
async def wire(resources: Resources) -> AsyncIterator[Wiring]:
    """Put the service together; the first process ever makes the platform's signing key."""
    wake = Wake(resources.quick_redis, resources.service)

    def unit_of_work(tenant_id: UUID, *, read_only: bool = False) -> AuthUnitOfWork:
        return AuthUnitOfWork(resources.database, tenant_id, read_only=read_only, wake=wake)

    settings = auth_settings(resources)
    load_keys = LoadSigningKeys(database=resources.database, key_ring=resources.key_ring)
    access_tokens = Es256AccessTokens(await load_keys())
    hasher = Argon2PasswordHasher()
    credentials = Credentials(resources.database)
    uses = KeyUses(credentials)
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
        public = _public_use_cases(resources, settings, parts, unit_of_work)
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
            public=public,
            internal=InternalUseCases(
                verify_api_key=VerifyApiKey(credentials=credentials, uses=uses),
                check_session=CheckSession(credentials=credentials),
                access_tokens=access_tokens,
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


def _public_use_cases(
    resources: Resources, settings: Settings, parts: Parts, unit_of_work: OpenUnitOfWork
) -> PublicUseCases:
    credentials, throttle, policy = parts.credentials, parts.throttle, parts.default_mfa
    start_session = StartSession(access_tokens=parts.access_tokens, default_mfa=policy)
    password = settings.super_admin_password
    return PublicUseCases(
        register_user=RegisterUser(
            unit_of_work=unit_of_work, hasher=parts.hasher, start_session=start_session
        ),
        create_company=CreateCompany(unit_of_work=unit_of_work),
        show_logo=ShowLogo(logos=LogoShelf(resources.database)),
        log_in=LogIn(
            unit_of_work=unit_of_work,
            credentials=credentials,
            hasher=parts.hasher,
            throttle=throttle,
            start_session=start_session,
            check=parts.check,
            default_mfa=policy,
        ),
        refresh_session=RefreshSession(
            unit_of_work=unit_of_work,
            credentials=credentials,
            key_ring=resources.key_ring,
            access_tokens=parts.access_tokens,
            revocations=parts.revocations,
            default_mfa=policy,
        ),
        complete_log_in=CompleteLogIn(
            unit_of_work=unit_of_work,
            credentials=credentials,
            throttle=throttle,
            check=parts.check,
            start_session=start_session,
        ),
        begin_passkey_log_in=BeginPasskeyLogIn(
            unit_of_work=unit_of_work, passkeys=parts.check.passkeys
        ),
        log_in_with_passkey=LogInWithPasskey(
            unit_of_work=unit_of_work,
            credentials=credentials,
            passkeys=parts.check.passkeys,
            start_session=start_session,
            default_mfa=policy,
        ),
        accept_invitation=AcceptInvitation(
            unit_of_work=unit_of_work,
            credentials=credentials,
            hasher=parts.hasher,
            start_session=start_session,
        ),
        request_invitation=RequestInvitation(
            unit_of_work=unit_of_work, admission=_no_domain_is_proven, throttle=throttle
        ),
        request_verification=RequestVerification(
            unit_of_work=unit_of_work, credentials=credentials, throttle=throttle
        ),
        verify_email=VerifyEmail(unit_of_work=unit_of_work, credentials=credentials),
        request_password_reset=RequestPasswordReset(
            unit_of_work=unit_of_work, credentials=credentials, throttle=throttle
        ),
        reset_password=ResetPassword(
            unit_of_work=unit_of_work,
            credentials=credentials,
            hasher=parts.hasher,
            revocations=parts.revocations,
        ),
        seed_super_admin=SeedSuperAdmin(
            email=settings.super_admin_email,
            password=password.get_secret_value() if password else None,
            unit_of_work=unit_of_work,
            credentials=credentials,
            hasher=parts.hasher,
        ),
        check_platform_health=CheckPlatformHealth(probe=_service_probe(resources)),
    )


async def _no_domain_is_proven(email: str, *, tenant_id: UUID | None = None) -> UUID | None:
    """Admit nobody: this version knows no way for a company to prove a domain."""
    del email, tenant_id
    return None


def _service_probe(resources: Resources) -> ServiceProbe:
    urls = {name: str(getattr(resources.settings, f"{name}_url")) for name in SERVICES}
    return HttpServiceProbe(resources.http, urls)
