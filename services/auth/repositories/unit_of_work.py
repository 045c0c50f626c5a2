"""One transaction of a tenant, with this service's repositories."""

from functools import cached_property
from typing import Protocol, Self
from uuid import UUID

from libs.common.database import Database
from libs.common.unit_of_work import UnitOfWork
from libs.common.wake import Wake
from services.auth.models.geography import City, Country, State
from services.auth.repositories.addresses import AddressRepository
from services.auth.repositories.api_keys import ApiKeyRepository
from services.auth.repositories.audit import AuditTrail
from services.auth.repositories.challenges import ChallengeRepository
from services.auth.repositories.config_values import ConfigRepository
from services.auth.repositories.directory import DirectoryRepository
from services.auth.repositories.email_domains import EmailDomainRepository
from services.auth.repositories.emails import Emails, equip
from services.auth.repositories.federation import SsoRepository
from services.auth.repositories.geography import Places
from services.auth.repositories.invitations import InvitationRepository
from services.auth.repositories.logos import LogoRecord
from services.auth.repositories.one_time_tokens import OneTimeTokens
from services.auth.repositories.passkeys import PasskeyRepository
from services.auth.repositories.policies import PolicyRecord
from services.auth.repositories.rate_limits import RateLimitRepository
from services.auth.repositories.roles import RoleRepository
from services.auth.repositories.second_factors import SecondFactors
from services.auth.repositories.sessions import SessionRepository
from services.auth.repositories.tenants import TenantRecord
from services.auth.repositories.users import UserRepository


class AuthUnitOfWork(UnitOfWork):
    """All or nothing, the audit entry included.

    Args:
        emails: Seal and open the addresses of people.
    """

    def __init__(
        self,
        database: Database,
        tenant_id: UUID,
        *,
        emails: Emails,
        read_only: bool = False,
        wake: Wake | None = None,
    ) -> None:
        super().__init__(database, tenant_id, read_only=read_only, wake=wake)
        self._emails = emails

    async def __aenter__(self) -> Self:
        """Begin; raises what `UnitOfWork` does."""
        # The keys first: no connection is held while they are asked for.
        sealing = await self._emails.sealing(self.tenant_id)
        await super().__aenter__()
        equip(self.session.sync_session, sealing)
        return self

    impersonator_id: UUID | None = None
    """Who acts in the caller's name; all audit entries say so."""

    @cached_property
    def tenant(self) -> TenantRecord:
        """The company itself."""
        return TenantRecord(self.session, self.tenant_id)

    @cached_property
    def users(self) -> UserRepository:
        """Its users."""
        return UserRepository(self.session, self.tenant_id)

    @cached_property
    def sessions(self) -> SessionRepository:
        """Its users' sessions."""
        return SessionRepository(self.session, self.tenant_id)

    @cached_property
    def api_keys(self) -> ApiKeyRepository:
        """Its users' API keys."""
        return ApiKeyRepository(self.session, self.tenant_id)

    @cached_property
    def rate_limits(self) -> RateLimitRepository:
        """Its rate limits, where they are not the platform's."""
        return RateLimitRepository(self.session, self.tenant_id)

    @cached_property
    def logo(self) -> LogoRecord:
        """Its logo."""
        return LogoRecord(self.session, self.tenant_id)

    @cached_property
    def countries(self) -> Places[Country]:
        """The countries it sees."""
        return Places(self.session, self.tenant_id, Country)

    @cached_property
    def states(self) -> Places[State]:
        """The states it sees."""
        return Places(self.session, self.tenant_id, State)

    @cached_property
    def cities(self) -> Places[City]:
        """The cities it sees."""
        return Places(self.session, self.tenant_id, City)

    @cached_property
    def config(self) -> ConfigRepository:
        """What it keeps under names of its own."""
        return ConfigRepository(self.session, self.tenant_id)

    @cached_property
    def addresses(self) -> AddressRepository:
        """Where it is."""
        return AddressRepository(self.session, self.tenant_id)

    @cached_property
    def roles(self) -> RoleRepository:
        """The roles that it made, and who has them."""
        return RoleRepository(self.session, self.tenant_id)

    @cached_property
    def email_domains(self) -> EmailDomainRepository:
        """Its e-mail domains."""
        return EmailDomainRepository(self.session, self.tenant_id)

    @cached_property
    def sso(self) -> SsoRepository:
        """Its single sign-on."""
        return SsoRepository(self.session, self.tenant_id)

    @cached_property
    def directory(self) -> DirectoryRepository:
        """Its people and groups as its directory sees them."""
        return DirectoryRepository(self.session, self.tenant_id)

    @cached_property
    def audit(self) -> AuditTrail:
        """Its audit trail."""
        return AuditTrail(self.session, self.tenant_id, impersonator_id=self.impersonator_id)

    @cached_property
    def invitations(self) -> InvitationRepository:
        """Who may join it."""
        return InvitationRepository(self.session, self.tenant_id)

    @cached_property
    def one_time_tokens(self) -> OneTimeTokens:
        """Tokens of links in mails."""
        return OneTimeTokens(self.session, self.tenant_id)

    @cached_property
    def policy(self) -> PolicyRecord:
        """What it demands of logins."""
        return PolicyRecord(self.session, self.tenant_id)

    @cached_property
    def second_factors(self) -> SecondFactors:
        """Its users' authenticator apps and recovery codes."""
        return SecondFactors(self.session, self.tenant_id)

    @cached_property
    def passkeys(self) -> PasskeyRepository:
        """Its users' passkeys."""
        return PasskeyRepository(self.session, self.tenant_id)

    @cached_property
    def challenges(self) -> ChallengeRepository:
        """Logins and confirmations under way."""
        return ChallengeRepository(self.session, self.tenant_id)


class OpenUnitOfWork(Protocol):
    """Opens a unit of work for a tenant that a verified credential, or this service, named."""

    def __call__(self, tenant_id: UUID, *, read_only: bool = False) -> AuthUnitOfWork: ...
