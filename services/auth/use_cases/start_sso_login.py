"""Sending somebody to their company's identity provider."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from urllib.parse import urlencode

import orjson

from libs.common.crypto import KeyRing
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.email_domains import domain_of
from services.auth.domain.federation import (
    CALLBACK_PATH,
    LOGIN_LIFETIME,
    PendingLogin,
    challenge_of,
    check_return,
    new_secret,
    secret_hash,
)
from services.auth.domain.federation_errors import SsoNotConfigured
from services.auth.domain.federation_ports import IdentityProviders
from services.auth.models.federation import SsoLogin
from services.auth.repositories.federation import FederationLookups
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.create_connection import SECRET_PURPOSE

SCOPES = "openid email profile"


@dataclass(frozen=True, kw_only=True)
class SsoStarted:
    """Where the browser goes, and what it must bring back."""

    authorization_url: str
    browser: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class StartSsoLogin:
    """Begin a login at the provider of an address' domain.

    The state is bound to the browser that began, and good once: a login that was begun in one
    browser cannot be ended in another.
    """

    unit_of_work: OpenUnitOfWork
    lookups: FederationLookups
    key_ring: KeyRing
    providers: IdentityProviders
    public_url: str
    origins: Sequence[str]
    """Whose pages a browser may be sent back to, the platform's own first."""
    clock: Clock = utc_now

    async def __call__(
        self, email: str, *, return_to: str | None, challenge: str | None
    ) -> SsoStarted:
        return_to = check_return(return_to, challenge, origins=self.origins)
        domain = domain_of(email)
        found = await self.lookups.connection_for(domain) if domain is not None else None
        if found is None:
            raise SsoNotConfigured
        tenant_id, connection_id = found
        async with self.unit_of_work(tenant_id) as uow:
            connection = await uow.sso.get(connection_id)
            tenant = await uow.tenant.get()
        if connection is None or tenant is None or not tenant.is_active:
            raise SsoNotConfigured
        metadata = await self.providers.metadata(connection.issuer)

        now = self.clock()
        state, browser = new_secret(), new_secret()
        pending = PendingLogin(
            nonce=new_secret(), verifier=new_secret(), return_to=return_to, challenge=challenge
        )
        cipher = await self.key_ring.cipher(tenant_id, SECRET_PURPOSE)
        async with self.unit_of_work(tenant_id) as uow:
            uow.sso.begin(
                SsoLogin(
                    state_hash=secret_hash(state),
                    connection_id=connection_id,
                    browser_hash=secret_hash(browser),
                    sealed=cipher.encrypt(
                        orjson.dumps(asdict(pending)),
                        table="sso_logins",
                        column="sealed",
                        row=secret_hash(state).hex(),
                    ),
                    expires_at=now + LOGIN_LIFETIME,
                )
            )
        wants_groups = connection.group_claim is not None and metadata.knows_groups_scope
        query = urlencode(
            {
                "response_type": "code",
                "client_id": connection.client_id,
                "redirect_uri": self.public_url.rstrip("/") + CALLBACK_PATH,
                "scope": f"{SCOPES} groups" if wants_groups else SCOPES,
                "state": state,
                "nonce": pending.nonce,
                "code_challenge": challenge_of(pending.verifier),
                "code_challenge_method": "S256",
                "login_hint": email,
            }
        )
        separator = "&" if "?" in metadata.authorization_endpoint else "?"
        return SsoStarted(
            authorization_url=f"{metadata.authorization_endpoint}{separator}{query}",
            browser=browser,
        )
