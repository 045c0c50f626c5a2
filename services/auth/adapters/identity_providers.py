"""OpenID Connect providers that companies have named, over the guarded outbound client.

Companies choose the URLs, so every one of them, those that a provider's own documents name
included, is called as such: https, public addresses only, no redirects, a deadline, a size cap.
What a provider publishes is kept for minutes; keys are looked up again when a token names one
that is not known, but not more often than every few seconds, whatever tokens arrive.
"""

import asyncio
import base64
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote_plus, urlsplit
from weakref import WeakValueDictionary

import aiohttp
import orjson
from opentelemetry.trace import SpanKind

from libs.common.http.outbound import Outbound, is_refused_address
from libs.common.outbound import host_of, parse_address
from libs.common.telemetry.metrics import outside_call
from libs.common.telemetry.tracing import span
from services.auth.adapters.id_tokens import (
    UnknownKey,
    VerifyingKey,
    verify_id_token,
    verifying_keys,
)
from services.auth.domain.federation import ProviderMetadata
from services.auth.domain.federation_errors import InvalidConnection, ProviderFailed

DISCOVERY_PATH: Final = "/.well-known/openid-configuration"
TIMEOUT_SECONDS: Final = 8.0
MAX_BYTES: Final = 512 * 1024
METADATA_SECONDS: Final = 600.0
KEYS_SECONDS: Final = 300.0
KEY_REFRESH_SECONDS: Final = 5.0
_MAX_CACHED: Final = 1000
_MAX_URL_CHARACTERS: Final = 2000
_TARGET: Final = "identity_provider"

V = TypeVar("V")


class _InvalidClient(ProviderFailed):
    """The provider does not know the client, or not by what it showed."""

    def __init__(self) -> None:
        super().__init__("the provider refused the client's id and secret")


class OidcProviders:
    """Discovery, keys and the code exchange.

    Args:
        outbound: Keeps companies' URLs out of the operator's network.
        clock: Seconds since the epoch.
        key_refresh_seconds: How soon keys are looked up again for a token with an unknown one.
    """

    def __init__(
        self,
        outbound: Outbound,
        *,
        clock: Callable[[], float] = time.time,
        key_refresh_seconds: float = KEY_REFRESH_SECONDS,
    ) -> None:
        self._outbound = outbound
        self._clock = clock
        self._key_refresh_seconds = key_refresh_seconds
        self._metadata: _Cache[ProviderMetadata] = _Cache(METADATA_SECONDS)
        self._keys: _Cache[list[VerifyingKey]] = _Cache(KEYS_SECONDS)
        # One a provider: those who wait for a slow one are its own people.
        self._refreshing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def check_issuer(self, issuer: str) -> None:
        """Refuse an issuer that we would never call.

        Raises:
            InvalidConnection: It is no https URL, or carries a query or credentials.
        """
        parts = urlsplit(issuer) if issuer.isascii() and issuer.isprintable() else None
        if parts is None or parts.query or "?" in issuer or not self._may_call(issuer):
            raise InvalidConnection(
                "The issuer must be an https URL without query, as the provider publishes it."
            )

    async def metadata(self, issuer: str, *, fresh: bool = False) -> ProviderMetadata:
        """Return what a provider publishes about itself.

        Raises:
            ProviderFailed: It cannot be asked, or what it says does not hold together.
        """
        known = None if fresh else self._metadata.get(issuer)
        if known is not None:
            return known
        document = await self._fetch("GET", issuer.rstrip("/") + DISCOVERY_PATH)
        if document.get("issuer") != issuer:
            raise ProviderFailed("the discovery document is another issuer's")
        methods = _names(document, "token_endpoint_auth_methods_supported")
        found = ProviderMetadata(
            issuer=issuer,
            authorization_endpoint=self._endpoint(document, "authorization_endpoint"),
            token_endpoint=self._endpoint(document, "token_endpoint"),
            jwks_uri=self._endpoint(document, "jwks_uri"),
            secret_in_body=bool(methods) and "client_secret_basic" not in methods,
            knows_groups_scope="groups" in _names(document, "scopes_supported"),
        )
        self._metadata.put(issuer, found)
        return found

    async def check_keys(self, metadata: ProviderMetadata) -> int:
        """Return how many of the provider's keys could sign for us.

        Raises:
            ProviderFailed: There is none, or they cannot be had.
        """
        keys = await self._fetch_keys(metadata.jwks_uri)
        if not keys:
            raise ProviderFailed("the provider publishes no key that may sign ID tokens")
        return len(keys)

    async def redeem(
        self,
        metadata: ProviderMetadata,
        *,
        code: str,
        verifier: str,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
    ) -> str:
        """Exchange an authorization code for an ID token.

        Raises:
            ProviderFailed: The provider refused, or could not be asked.
        """
        form = {
            "client_id": client_id,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        in_body = form | {"client_secret": client_secret}
        if metadata.secret_in_body:
            answer = await self._fetch("POST", metadata.token_endpoint, form=in_body)
        else:
            # RFC 6749, 2.3.1: both halves are form-encoded first.
            pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
            basic = f"Basic {base64.b64encode(pair.encode()).decode()}"
            try:
                answer = await self._fetch(
                    "POST", metadata.token_endpoint, form=form, headers={"authorization": basic}
                )
            except _InvalidClient:
                # This client is registered for the other way; the code is still good.
                answer = await self._fetch("POST", metadata.token_endpoint, form=in_body)
        id_token = answer.get("id_token")
        if not isinstance(id_token, str):
            raise ProviderFailed("the token endpoint gave no ID token")
        return id_token

    async def claims(
        self, metadata: ProviderMetadata, id_token: str, *, client_id: str, nonce: str
    ) -> Mapping[str, Any]:
        """Verify an ID token and return its claims.

        Raises:
            ProviderFailed: It is not what this provider made for this login.
        """

        def verified(keys: list[VerifyingKey]) -> Mapping[str, Any]:
            return verify_id_token(
                id_token,
                keys=keys,
                issuer=metadata.issuer,
                client_id=client_id,
                nonce=nonce,
                now=self._clock(),
            )

        keys = self._keys.get(metadata.jwks_uri)
        if keys is not None:
            try:
                return verified(keys)
            except UnknownKey:
                # The provider may have changed its keys since.
                pass
        return verified(await self._newer_keys(metadata.jwks_uri))

    async def _newer_keys(self, jwks_uri: str) -> list[VerifyingKey]:
        lock = self._refreshing.setdefault(jwks_uri, asyncio.Lock())
        async with lock:
            known = self._keys.get(jwks_uri)
            if known is not None and self._keys.age(jwks_uri) < self._key_refresh_seconds:
                return known
            return await self._fetch_keys(jwks_uri)

    async def _fetch_keys(self, jwks_uri: str) -> list[VerifyingKey]:
        keys = verifying_keys(await self._fetch("GET", jwks_uri))
        self._keys.put(jwks_uri, keys)
        return keys

    def _endpoint(self, document: Mapping[str, Any], name: str) -> str:
        url = document.get(name)
        if not isinstance(url, str) or not self._may_call(url):
            raise ProviderFailed(f"the discovery document's {name} is no https URL")
        return url

    def _may_call(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            has_valid_port = parts.port is None or parts.port > 0
        except ValueError:
            return False
        if len(url) > _MAX_URL_CHARACTERS or not parts.hostname or not has_valid_port:
            return False
        if "@" in parts.netloc or "#" in url or not url.isprintable():
            return False
        if parts.scheme == "https":
            return True
        # Cleartext stays on this machine, or goes where the operator says that it may.
        policy = self._outbound.policy
        here = policy.allow_private and _is_loopback(host_of(url))
        return parts.scheme == "http" and (here or policy.trusts(url))

    async def _fetch(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Call a provider and return the JSON object it answers."""
        session = self._outbound.session_for(url)
        body = bytearray()
        try:
            with span(f"{method} {_TARGET}", kind=SpanKind.CLIENT), outside_call(_TARGET):
                async with session.request(
                    method,
                    url,
                    data=form,
                    headers={"accept": "application/json", **(headers or {})},
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                    allow_redirects=False,
                ) as response:
                    status = response.status
                    async for chunk in response.content.iter_chunked(16 * 1024):
                        body += chunk
                        if len(body) > MAX_BYTES:
                            raise ProviderFailed("the provider's answer is too long")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if is_refused_address(error):
                raise ProviderFailed("the provider's address is not public") from error
            raise ProviderFailed("the provider does not answer") from error
        try:
            answer = orjson.loads(bytes(body))
        except orjson.JSONDecodeError as error:
            raise ProviderFailed(f"the provider answered no JSON, with status {status}") from error
        if status != 200:
            if isinstance(answer, dict) and answer.get("error") == "invalid_client":
                raise _InvalidClient
            raise ProviderFailed(f"the provider answered with status {status}")
        if not isinstance(answer, dict):
            raise ProviderFailed("the provider's answer is no JSON object")
        return answer


def _names(document: Mapping[str, Any], name: str) -> list[object]:
    value = document.get(name)
    return value if isinstance(value, list) else []


def _is_loopback(host: str) -> bool:
    address = parse_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


class _Cache(Generic[V]):
    """The newest so many values, each for a while."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries: OrderedDict[str, tuple[float, V]] = OrderedDict()

    def get(self, key: str) -> V | None:
        entry = self._entries.get(key)
        return entry[1] if entry is not None and self.age(key) < self._seconds else None

    def age(self, key: str) -> float:
        return time.monotonic() - self._entries[key][0]

    def put(self, key: str, value: V) -> None:
        self._entries[key] = (time.monotonic(), value)
        self._entries.move_to_end(key)
        if len(self._entries) > _MAX_CACHED:
            self._entries.popitem(last=False)
