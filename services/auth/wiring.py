"""Auth put together: adapters once a process, use cases with the caller they act for."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from libs.common.background import running
from libs.common.http.rates import TENANT_CLASSES
from libs.common.rate_limits import Rate, RateLimiter
from libs.common.resources import Resources
from libs.common.security import Caller
from libs.common.telemetry.logging import get_logger
from libs.common.wake import Wake
from services.auth.adapters.access_tokens import Es256AccessTokens
from services.auth.adapters.login_throttle import DEFAULT_RATE, RedisLoginThrottle
from services.auth.adapters.password_hashing import Argon2PasswordHasher
from services.auth.adapters.revocations import RedisRevocations
from services.auth.adapters.service_health import HttpServiceProbe
from services.auth.domain.ports import LoginThrottle, PasswordHasher, Revocations, ServiceProbe
from services.auth.domain.signing import RELOAD_SECONDS
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.key_uses import KeyUses
from services.auth.repositories.logos import LogoShelf
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.add_user import AddUser
from services.auth.use_cases.assign_roles import AssignRoles, ShowUserRoles
from services.auth.use_cases.check_platform_health import SERVICES, CheckPlatformHealth
from services.auth.use_cases.check_session import CheckSession
from services.auth.use_cases.company_logo import SetLogo, ShowLogo
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
from services.auth.use_cases.log_out import LogOut
from services.auth.use_cases.rate_limits import SetRateLimits, ShowRateLimits
from services.auth.use_cases.refresh_session import RefreshSession
from services.auth.use_cases.register_user import RegisterUser
from services.auth.use_cases.revoke_api_key import RevokeApiKey
from services.auth.use_cases.rotate_api_key import RotateApiKey
from services.auth.use_cases.show_account import ShowAccount
from services.auth.use_cases.show_company import ShowCompany
from services.auth.use_cases.show_user import ShowUser
from services.auth.use_cases.start_session import StartSession
from services.auth.use_cases.update_api_key import UpdateApiKey
from services.auth.use_cases.update_company import UpdateCompany
from services.auth.use_cases.update_profile import UpdateProfile
from services.auth.use_cases.update_role import UpdateRole
from services.auth.use_cases.verify_api_key import VerifyApiKey

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class CallerUseCases:
    """What a verified caller can do; each use case acts in the caller's tenant."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    hasher: PasswordHasher
    revocations: Revocations
    platform_rates: Mapping[str, Rate]

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
    hasher: PasswordHasher
    revocations: Revocations
    platform_rates: Mapping[str, Rate]
    public: PublicUseCases
    internal: InternalUseCases

    def for_caller(self, caller: Caller) -> CallerUseCases:
        """Return the use cases of a verified caller."""
        return CallerUseCases(
            caller=caller,
            unit_of_work=self.unit_of_work,
            hasher=self.hasher,
            revocations=self.revocations,
            platform_rates=self.platform_rates,
        )


@asynccontextmanager
async def wire(resources: Resources) -> AsyncIterator[Wiring]:
    """Put the service together; the first process ever makes the platform's signing key."""
    wake = Wake(resources.quick_redis, resources.service)

    def unit_of_work(tenant_id: UUID, *, read_only: bool = False) -> AuthUnitOfWork:
        return AuthUnitOfWork(resources.database, tenant_id, read_only=read_only, wake=wake)

    load_keys = LoadSigningKeys(database=resources.database, key_ring=resources.key_ring)
    access_tokens = Es256AccessTokens(await load_keys())
    hasher = Argon2PasswordHasher()
    credentials = Credentials(resources.database)
    uses = KeyUses(credentials)
    revocations = RedisRevocations(resources.quick_redis)
    start_session = StartSession(access_tokens=access_tokens)
    async with AsyncExitStack() as ending:
        ending.push_async_callback(wake.aclose)
        ending.callback(hasher.close)
        ending.push_async_callback(uses.write)
        await ending.enter_async_context(running(uses.run(), name="key uses"))
        await ending.enter_async_context(
            running(_reload_keys(load_keys, access_tokens), name="signing keys")
        )
        yield Wiring(
            unit_of_work=unit_of_work,
            hasher=hasher,
            revocations=revocations,
            platform_rates={
                name: resources.rate_limits.rate_of(name) for name in sorted(TENANT_CLASSES)
            },
            public=PublicUseCases(
                register_user=RegisterUser(
                    unit_of_work=unit_of_work, hasher=hasher, start_session=start_session
                ),
                create_company=CreateCompany(unit_of_work=unit_of_work),
                show_logo=ShowLogo(logos=LogoShelf(resources.database)),
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
            ),
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


def _login_throttle(resources: Resources) -> LoginThrottle:
    configured = resources.settings.rate_limits.get("login")
    rate = Rate.parse(configured) if configured else DEFAULT_RATE
    return RedisLoginThrottle(RateLimiter(resources.quick_redis), rate)


def _service_probe(resources: Resources) -> ServiceProbe:
    urls = {name: str(getattr(resources.settings, f"{name}_url")) for name in SERVICES}
    return HttpServiceProbe(resources.http, urls)
