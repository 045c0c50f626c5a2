"""Letting in somebody who comes back from their identity provider."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from libs.common.crypto import KeyRing
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.federation import (
    CALLBACK_PATH,
    HANDOFF_LIFETIME,
    PendingLogin,
    ProvidedIdentity,
    identity_from_claims,
    new_secret,
    secret_hash,
)
from services.auth.domain.federation_errors import ProviderFailed, SsoRefused
from services.auth.domain.federation_ports import IdentityProviders
from services.auth.domain.ports import Revocations
from services.auth.models.federation import SsoConnection, SsoHandoff, SsoLogin
from services.auth.repositories.federation import FederationLookups
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.admit_identity import AdmitIdentity, Refusal
from services.auth.use_cases.admit_user import LogInResult
from services.auth.use_cases.create_connection import SECRET_PURPOSE
from services.auth.use_cases.open_sso_session import OpenSsoSession


@dataclass(frozen=True, kw_only=True)
class SsoCompleted:
    """Somebody came in: with tokens at once, or with a code to fetch them by."""

    result: LogInResult | None
    redirect_to: str | None


@dataclass(frozen=True, kw_only=True)
class CompleteSsoLogin:
    """Redeem the code, verify who came, and let them in.

    Whatever does not hold is told to the company's audit trail, and to the browser only that it
    did not.
    """

    unit_of_work: OpenUnitOfWork
    lookups: FederationLookups
    key_ring: KeyRing
    providers: IdentityProviders
    admit: AdmitIdentity
    open_session: OpenSsoSession
    revocations: Revocations
    public_url: str
    clock: Clock = utc_now

    async def __call__(
        self, *, state: str, browser: str, code: str, error: str, issuer: str, address: str
    ) -> SsoCompleted:
        state_hash = secret_hash(state)
        found = await self.lookups.login(state_hash)
        if found is None:
            raise SsoRefused
        tenant_id, connection_id = found
        try:
            return await self._let_in(
                tenant_id,
                connection_id,
                state_hash=state_hash,
                browser=browser,
                code=code,
                error=error,
                issuer=issuer,
                address=address,
            )
        except (ProviderFailed, Refusal) as refused:
            await self._note(tenant_id, connection_id, refused.reason, address=address)
            raise SsoRefused from refused

    async def _let_in(
        self,
        tenant_id: UUID,
        connection_id: UUID,
        *,
        state_hash: bytes,
        browser: str,
        code: str,
        error: str,
        issuer: str,
        address: str,
    ) -> SsoCompleted:
        now = self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            # Gone with the commit, whatever comes of it: a state is good once.
            login = await uow.sso.take_login(state_hash)
            connection = await uow.sso.with_secret(connection_id)
        if login is None or connection is None or not connection.enabled:
            raise SsoRefused
        if not hmac.compare_digest(login.browser_hash, secret_hash(browser)):
            raise Refusal("another browser than the one that began")
        if login.expires_at <= now:
            raise Refusal("the login took too long")
        # RFC 9207: a provider that names itself must be the one that was asked.
        if issuer not in ("", connection.issuer):
            raise Refusal("another provider answered")
        if error or not code:
            raise Refusal("the provider refused")
        pending, identity = await self._identified(tenant_id, login, connection, code=code)
        user_id, ended = await self.admit(tenant_id, connection, identity, now=self.clock())
        for session_id in ended:
            await self.revocations.session_ended(session_id)
        if pending.return_to is None or pending.challenge is None:
            result = await self.open_session(
                tenant_id, user_id, connection_id=connection_id, address=address
            )
            return SsoCompleted(result=result, redirect_to=None)
        handoff = await self._handed_off(
            tenant_id, user_id, connection_id, challenge=pending.challenge, now=self.clock()
        )
        # In the fragment, which browsers send to nobody.
        return SsoCompleted(result=None, redirect_to=f"{pending.return_to}#sso_code={handoff}")

    async def _identified(
        self, tenant_id: UUID, login: SsoLogin, connection: SsoConnection, *, code: str
    ) -> tuple[PendingLogin, ProvidedIdentity]:
        cipher = await self.key_ring.cipher(tenant_id, SECRET_PURPOSE)
        sealed = cipher.decrypt(
            login.sealed, table="sso_logins", column="sealed", row=login.state_hash.hex()
        )
        pending = PendingLogin(**orjson.loads(sealed))
        secret = cipher.decrypt(
            connection.client_secret,
            table="sso_connections",
            column="client_secret",
            row=connection.id,
        )
        # No connection is held while the provider is asked.
        metadata = await self.providers.metadata(connection.issuer)
        id_token = await self.providers.redeem(
            metadata,
            code=code,
            verifier=pending.verifier,
            client_id=connection.client_id,
            client_secret=secret.decode(),
            redirect_uri=self.public_url.rstrip("/") + CALLBACK_PATH,
        )
        claims = await self.providers.claims(
            metadata, id_token, client_id=connection.client_id, nonce=pending.nonce
        )
        return pending, identity_from_claims(claims, group_claim=connection.group_claim)

    async def _handed_off(
        self,
        tenant_id: UUID,
        user_id: UUID,
        connection_id: UUID,
        *,
        challenge: str,
        now: datetime,
    ) -> str:
        code = new_secret()
        async with self.unit_of_work(tenant_id) as uow:
            uow.sso.hand_off(
                SsoHandoff(
                    code_hash=secret_hash(code),
                    user_id=user_id,
                    connection_id=connection_id,
                    challenge=challenge,
                    expires_at=now + HANDOFF_LIFETIME,
                )
            )
        return code

    async def _note(
        self, tenant_id: UUID, connection_id: UUID, reason: str, *, address: str
    ) -> None:
        async with self.unit_of_work(tenant_id) as uow:
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.SSO_REFUSED,
                    description=f"Single sign-on refused: {reason}.",
                    risk=Risk.MEDIUM,
                    entity_type="sso_connection",
                    entity_id=connection_id,
                    address=address,
                ),
                now=self.clock(),
            )
