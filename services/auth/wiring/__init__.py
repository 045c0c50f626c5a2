"""Auth put together: adapters once a process, use cases with the caller they act for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from libs.common.http.outbound import Outbound
from libs.common.rate_limits import Rate, RateLimiter
from libs.common.resources import Resources
from libs.common.security import Caller
from libs.common.wake import Wake
from services.auth.adapters.access_tokens import Es256AccessTokens
from services.auth.adapters.identity_providers import OidcProviders
from services.auth.adapters.login_throttle import DEFAULT_RATE, RedisLoginThrottle
from services.auth.adapters.password_hashing import Argon2PasswordHasher
from services.auth.adapters.revocations import RedisRevocations
from services.auth.adapters.service_health import HttpServiceProbe
from services.auth.adapters.txt_records import DnsTxtRecords
from services.auth.domain.ports import LoginThrottle, PasswordHasher, Revocations, ServiceProbe
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.settings import Settings
from services.auth.use_cases.add_user import AddUser
from services.auth.use_cases.check_platform_health import SERVICES, CheckPlatformHealth
from services.auth.use_cases.check_session import CheckSession
from services.auth.use_cases.create_api_key import CreateApiKey
from services.auth.use_cases.create_company import CreateCompany
from services.auth.use_cases.list_api_keys import ListApiKeys
from services.auth.use_cases.list_audit_entries import ListAuditEntries
from services.auth.use_cases.list_users import ListUsers
from services.auth.use_cases.load_signing_keys import LoadSigningKeys
from services.auth.use_cases.log_in import LogIn
from services.auth.use_cases.log_out import LogOut
from services.auth.use_cases.refresh_session import RefreshSession
from services.auth.use_cases.register_user import RegisterUser
from services.auth.use_cases.revoke_api_key import RevokeApiKey
from services.auth.use_cases.show_account import ShowAccount
from services.auth.use_cases.show_company import ShowCompany
from services.auth.use_cases.show_user import ShowUser
from services.auth.use_cases.start_session import StartSession
from services.auth.use_cases.update_company import UpdateCompany
from services.auth.use_cases.update_profile import UpdateProfile
from services.auth.use_cases.verify_api_key import VerifyApiKey
from services.auth.use_cases.verify_scim_token import VerifiedDirectory
from services.auth.wiring.federation import (
    DirectoryUseCases,
    Federation,
    FederationUseCases,
    SsoUseCases,
    single_sign_on,
)


@dataclass(frozen=True, kw_only=True)
class CallerUseCases:
    """What a verified caller can do; each use case acts in the caller's tenant."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    hasher: PasswordHasher
    revocations: Revocations
    parts: Federation

    @property
    def federation(self) -> FederationUseCases:
        return FederationUseCases(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            revocations=self.revocations,
            parts=self.parts,
        )

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
    def show_company(self) -> ShowCompany:
        return ShowCompany(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def update_company(self) -> UpdateCompany:
        return UpdateCompany(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def list_audit_entries(self) -> ListAuditEntries:
        return ListAuditEntries(caller=self.caller, unit_of_work=self.unit_of_work)


@dataclass(frozen=True, kw_only=True)
class PublicUseCases:
    """What anybody can do, without credentials or to get some."""

    register_user: RegisterUser
    create_company: CreateCompany
    log_in: LogIn
    refresh_session: RefreshSession
    check_platform_health: CheckPlatformHealth
    sso: SsoUseCases


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
    hasher: PasswordHasher
    revocations: Revocations
    federation: Federation
    public: PublicUseCases
    internal: InternalUseCases

    def for_caller(self, caller: Caller) -> CallerUseCases:
        """Return the use cases of a verified caller."""
        return CallerUseCases(
            caller=caller,
            unit_of_work=self.unit_of_work,
            hasher=self.hasher,
            revocations=self.revocations,
            parts=self.federation,
        )

    def for_directory(self, directory: VerifiedDirectory) -> DirectoryUseCases:
        """Return the use cases of a company's directory."""
        return DirectoryUseCases(
            directory=directory,
            unit_of_work=self.unit_of_work,
            hasher=self.hasher,
            revocations=self.revocations,
        )


@asynccontextmanager
async def wire(resources: Resources) -> AsyncIterator[Wiring]:
    """Put the service together; the first process ever makes the platform's signing key."""
    wake = Wake(resources.quick_redis, resources.service)

    def unit_of_work(tenant_id: UUID, *, read_only: bool = False) -> AuthUnitOfWork:
        return AuthUnitOfWork(resources.database, tenant_id, read_only=read_only, wake=wake)

    keys = await LoadSigningKeys(unit_of_work=unit_of_work, key_ring=resources.key_ring)()
    access_tokens = Es256AccessTokens(keys)
    hasher = Argon2PasswordHasher()
    credentials = Credentials(resources.database)
    revocations = RedisRevocations(resources.quick_redis)
    start_session = StartSession(access_tokens=access_tokens)
    settings = resources.settings
    if not isinstance(settings, Settings):
        raise TypeError("auth needs its own settings")
    try:
        async with Outbound.open(settings.outbound_policy) as outbound:
            federation = Federation(
                key_ring=resources.key_ring,
                providers=OidcProviders(outbound),
                records=DnsTxtRecords(settings.dns_servers),
                public_url=settings.public_url,
            )
            yield Wiring(
                unit_of_work=unit_of_work,
                hasher=hasher,
                revocations=revocations,
                federation=federation,
                public=PublicUseCases(
                    register_user=RegisterUser(
                        unit_of_work=unit_of_work, hasher=hasher, start_session=start_session
                    ),
                    create_company=CreateCompany(unit_of_work=unit_of_work),
                    log_in=LogIn(
                        unit_of_work=unit_of_work,
                        credentials=credentials,
                        hasher=hasher,
                        throttle=_login_throttle(resources),
                        start_session=start_session,
                    ),
                    refresh_session=RefreshSession(
                        unit_of_work=unit_of_work,
                        credentials=credentials,
                        key_ring=resources.key_ring,
                        access_tokens=access_tokens,
                        revocations=revocations,
                    ),
                    check_platform_health=CheckPlatformHealth(probe=_service_probe(resources)),
                    sso=single_sign_on(
                        resources,
                        federation,
                        unit_of_work=unit_of_work,
                        hasher=hasher,
                        revocations=revocations,
                        start_session=start_session,
                    ),
                ),
                internal=InternalUseCases(
                    verify_api_key=VerifyApiKey(credentials=credentials),
                    check_session=CheckSession(credentials=credentials),
                    access_tokens=access_tokens,
                ),
            )
    finally:
        hasher.close()
        await wake.aclose()


def _login_throttle(resources: Resources) -> LoginThrottle:
    configured = resources.settings.rate_limits.get("login")
    rate = Rate.parse(configured) if configured else DEFAULT_RATE
    return RedisLoginThrottle(RateLimiter(resources.quick_redis), rate)


def _service_probe(resources: Resources) -> ServiceProbe:
    urls = {name: str(getattr(resources.settings, f"{name}_url")) for name in SERVICES}
    return HttpServiceProbe(resources.http, urls)
