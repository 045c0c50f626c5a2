"""What single sign-on and domain proofs need from outside."""

from collections.abc import Mapping
from typing import Any, Protocol

from services.auth.domain.federation import ProviderMetadata


class IdentityProviders(Protocol):
    """Talks to the OpenID Connect providers that companies have named."""

    async def metadata(self, issuer: str, *, fresh: bool = False) -> ProviderMetadata:
        """Return what a provider publishes about itself.

        Raises:
            ProviderFailed: It cannot be asked, or what it says does not hold together.
        """
        ...

    async def check_keys(self, metadata: ProviderMetadata) -> int:
        """Return how many of the provider's keys could sign for us.

        Raises:
            ProviderFailed: There is none, or they cannot be had.
        """
        ...

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
        ...

    async def claims(
        self, metadata: ProviderMetadata, id_token: str, *, client_id: str, nonce: str
    ) -> Mapping[str, Any]:
        """Verify an ID token and return its claims.

        Raises:
            ProviderFailed: It is not what this provider made for this login.
        """
        ...

    def check_issuer(self, issuer: str) -> None:
        """Refuse an issuer that we would never call.

        Raises:
            InvalidConnection: It is no https URL, or carries a query or credentials.
        """
        ...


class TxtRecords(Protocol):
    """Looks up TXT records."""

    async def lookup(self, name: str) -> frozenset[str]:
        """Return the texts at a name; empty when there are none.

        Raises:
            DnsUnavailable: The name servers say nothing about it.
        """
        ...
