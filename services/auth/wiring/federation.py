"""Single sign-on and directories, put together."""

from dataclasses import dataclass

from libs.common.crypto import KeyRing
from libs.common.resources import Resources
from libs.common.security import Caller
from services.auth.domain.federation_ports import IdentityProviders, TxtRecords
from services.auth.domain.ports import PasswordHasher, Revocations
from services.auth.repositories.federation import FederationLookups
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.admit_by_domain import AdmitByDomain
from services.auth.use_cases.admit_identity import AdmitIdentity
from services.auth.use_cases.change_directory_group import ChangeDirectoryGroup
from services.auth.use_cases.change_directory_user import ChangeDirectoryUser
from services.auth.use_cases.claim_domain import ClaimDomain
from services.auth.use_cases.complete_sso_login import CompleteSsoLogin
from services.auth.use_cases.create_connection import CreateConnection
from services.auth.use_cases.create_scim_token import CreateScimToken
from services.auth.use_cases.delete_connection import DeleteConnection
from services.auth.use_cases.find_directory_groups import FindDirectoryGroups
from services.auth.use_cases.find_directory_users import FindDirectoryUsers
from services.auth.use_cases.give_up_domain import GiveUpDomain
from services.auth.use_cases.list_domains import ListDomains
from services.auth.use_cases.list_scim_tokens import ListScimTokens
from services.auth.use_cases.open_sso_session import OpenSsoSession
from services.auth.use_cases.provision_user import ProvisionUser
from services.auth.use_cases.redeem_sso_handoff import RedeemSsoHandoff
from services.auth.use_cases.release_address import ReleaseAddress
from services.auth.use_cases.revoke_scim_token import RevokeScimToken
from services.auth.use_cases.show_connections import ShowConnections
from services.auth.use_cases.show_policy import ShowPolicy
from services.auth.use_cases.start_session import StartSession
from services.auth.use_cases.start_sso_login import StartSsoLogin
from services.auth.use_cases.try_connection import TryConnection
from services.auth.use_cases.update_connection import UpdateConnection
from services.auth.use_cases.update_domain import UpdateDomain
from services.auth.use_cases.update_policy import UpdatePolicy
from services.auth.use_cases.verify_domain import VerifyDomain
from services.auth.use_cases.verify_scim_token import VerifiedDirectory, VerifyScimToken


@dataclass(frozen=True, kw_only=True)
class Federation:
    """What single sign-on and directories need beside the database."""

    key_ring: KeyRing
    providers: IdentityProviders
    records: TxtRecords
    public_url: str


@dataclass(frozen=True, kw_only=True)
class FederationUseCases:
    """What an admin can do about domains, single sign-on and directories."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    revocations: Revocations
    parts: Federation

    @property
    def public_url(self) -> str:
        return self.parts.public_url

    @property
    def list_domains(self) -> ListDomains:
        return ListDomains(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def claim_domain(self) -> ClaimDomain:
        return ClaimDomain(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def update_domain(self) -> UpdateDomain:
        return UpdateDomain(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def verify_domain(self) -> VerifyDomain:
        return VerifyDomain(
            caller=self.caller, unit_of_work=self.unit_of_work, records=self.parts.records
        )

    @property
    def give_up_domain(self) -> GiveUpDomain:
        return GiveUpDomain(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def show_connections(self) -> ShowConnections:
        return ShowConnections(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def create_connection(self) -> CreateConnection:
        return CreateConnection(
            caller=self.caller,
            unit_of_work=self.unit_of_work,
            key_ring=self.parts.key_ring,
            providers=self.parts.providers,
        )

    @property
    def update_connection(self) -> UpdateConnection:
        return UpdateConnection(
            caller=self.caller, unit_of_work=self.unit_of_work, key_ring=self.parts.key_ring
        )

    @property
    def delete_connection(self) -> DeleteConnection:
        return DeleteConnection(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def try_connection(self) -> TryConnection:
        return TryConnection(
            caller=self.caller, unit_of_work=self.unit_of_work, providers=self.parts.providers
        )

    @property
    def show_policy(self) -> ShowPolicy:
        return ShowPolicy(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def update_policy(self) -> UpdatePolicy:
        return UpdatePolicy(
            caller=self.caller, unit_of_work=self.unit_of_work, revocations=self.revocations
        )

    @property
    def list_scim_tokens(self) -> ListScimTokens:
        return ListScimTokens(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def create_scim_token(self) -> CreateScimToken:
        return CreateScimToken(caller=self.caller, unit_of_work=self.unit_of_work)

    @property
    def revoke_scim_token(self) -> RevokeScimToken:
        return RevokeScimToken(caller=self.caller, unit_of_work=self.unit_of_work)


@dataclass(frozen=True, kw_only=True)
class DirectoryUseCases:
    """What a company's directory can do, with one of the company's SCIM tokens."""

    directory: VerifiedDirectory
    unit_of_work: OpenUnitOfWork
    hasher: PasswordHasher
    revocations: Revocations
    release: ReleaseAddress

    @property
    def find_users(self) -> FindDirectoryUsers:
        return FindDirectoryUsers(directory=self.directory, unit_of_work=self.unit_of_work)

    @property
    def provision_user(self) -> ProvisionUser:
        return ProvisionUser(
            directory=self.directory,
            unit_of_work=self.unit_of_work,
            hasher=self.hasher,
            revocations=self.revocations,
            release=self.release,
        )

    @property
    def change_user(self) -> ChangeDirectoryUser:
        return ChangeDirectoryUser(
            directory=self.directory,
            unit_of_work=self.unit_of_work,
            revocations=self.revocations,
        )

    @property
    def find_groups(self) -> FindDirectoryGroups:
        return FindDirectoryGroups(directory=self.directory, unit_of_work=self.unit_of_work)

    @property
    def change_group(self) -> ChangeDirectoryGroup:
        return ChangeDirectoryGroup(
            directory=self.directory,
            unit_of_work=self.unit_of_work,
            revocations=self.revocations,
        )


@dataclass(frozen=True, kw_only=True)
class SsoUseCases:
    """How people and directories come in by what their company has set up."""

    start_login: StartSsoLogin
    complete_login: CompleteSsoLogin
    redeem_handoff: RedeemSsoHandoff
    verify_scim_token: VerifyScimToken
    admit_by_domain: AdmitByDomain


def single_sign_on(
    resources: Resources,
    parts: Federation,
    *,
    unit_of_work: OpenUnitOfWork,
    hasher: PasswordHasher,
    revocations: Revocations,
    start_session: StartSession,
    release: ReleaseAddress,
) -> SsoUseCases:
    """Put together how people and directories come in."""
    lookups = FederationLookups(resources.database)
    open_session = OpenSsoSession(unit_of_work=unit_of_work, start_session=start_session)
    origins = [url for url in resources.settings.cors_allowed_origins if url != "*"]
    return SsoUseCases(
        start_login=StartSsoLogin(
            unit_of_work=unit_of_work,
            lookups=lookups,
            key_ring=parts.key_ring,
            providers=parts.providers,
            public_url=parts.public_url,
            origins=[parts.public_url, *origins],
        ),
        complete_login=CompleteSsoLogin(
            unit_of_work=unit_of_work,
            lookups=lookups,
            key_ring=parts.key_ring,
            providers=parts.providers,
            admit=AdmitIdentity(unit_of_work=unit_of_work, hasher=hasher, release=release),
            open_session=open_session,
            revocations=revocations,
            public_url=parts.public_url,
        ),
        redeem_handoff=RedeemSsoHandoff(
            unit_of_work=unit_of_work, lookups=lookups, open_session=open_session
        ),
        verify_scim_token=VerifyScimToken(unit_of_work=unit_of_work, lookups=lookups),
        admit_by_domain=AdmitByDomain(unit_of_work=unit_of_work, lookups=lookups),
    )
