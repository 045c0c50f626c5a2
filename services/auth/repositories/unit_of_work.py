"""One transaction of a tenant, with this service's repositories."""

from functools import cached_property
from typing import Protocol
from uuid import UUID

from libs.common.unit_of_work import UnitOfWork
from services.auth.repositories.api_keys import ApiKeyRepository
from services.auth.repositories.audit import AuditTrail
from services.auth.repositories.directory import DirectoryRepository
from services.auth.repositories.email_domains import EmailDomainRepository
from services.auth.repositories.federation import SsoRepository
from services.auth.repositories.sessions import SessionRepository
from services.auth.repositories.signing_keys import SigningKeyRepository
from services.auth.repositories.tenants import TenantRecord
from services.auth.repositories.users import UserRepository


class AuthUnitOfWork(UnitOfWork):
    """All or nothing, the audit entry included."""

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
    def signing_keys(self) -> SigningKeyRepository:
        """The platform's signing keys; empty for any other tenant."""
        return SigningKeyRepository(self.session, self.tenant_id)

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
        return AuditTrail(self.session, self.tenant_id)


class OpenUnitOfWork(Protocol):
    """Opens a unit of work for a tenant that a verified credential, or this service, named."""

    def __call__(self, tenant_id: UUID, *, read_only: bool = False) -> AuthUnitOfWork: ...
