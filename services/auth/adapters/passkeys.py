"""WebAuthn, by a library: what authenticators are asked, and whether what they say holds."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from services.auth.domain.errors import ProofRefused
from services.auth.domain.ports import NewPasskey
from services.auth.models.second_factors import Passkey
from services.auth.models.users import User

_ALGORITHMS: Final = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
_TIMEOUT_MS: Final = 300_000
_MAX_CREDENTIAL_BYTES: Final = 1023


class WebAuthn:
    """Passkeys for the site that people see.

    Args:
        public_url: Its address; browsers use a passkey nowhere else.
    """

    def __init__(self, public_url: str) -> None:
        parts = urlsplit(public_url)
        self._site = parts.hostname or "localhost"
        self._origin = f"{parts.scheme}://{parts.netloc}"

    def creation_options(
        self, user: User, *, known: Sequence[Passkey], nonce: bytes
    ) -> dict[str, Any]:
        """Return what a browser needs to make a passkey that `known` does not hold yet."""
        options = generate_registration_options(
            rp_id=self._site,
            rp_name="Knowrithm",
            user_id=user.id.bytes,
            user_name=user.email,
            user_display_name=f"{user.first_name} {user.last_name}",
            challenge=nonce,
            timeout=_TIMEOUT_MS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
            exclude_credentials=_descriptors(known),
            supported_pub_key_algs=_ALGORITHMS,
        )
        return dict(json.loads(options_to_json(options)))

    def created(self, credential: Mapping[str, Any], *, nonce: bytes) -> NewPasskey:
        """Return the passkey that an authenticator made.

        Raises:
            ProofRefused: It is not an answer to the nonce, from this site, in due form.
        """
        try:
            verified = verify_registration_response(
                credential=dict(credential),
                expected_challenge=nonce,
                expected_rp_id=self._site,
                expected_origin=self._origin,
                supported_pub_key_algs=_ALGORITHMS,
            )
        except Exception as error:  # the library lets through what malformed input raises
            raise ProofRefused from error
        return NewPasskey(
            credential_id=verified.credential_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
        )

    def request_options(self, known: Sequence[Passkey], *, nonce: bytes) -> dict[str, Any]:
        """Return what a browser needs to use one of these passkeys; any, when there are none.

        A passkey that stands alone must know its user, by a PIN or a finger.
        """
        options = generate_authentication_options(
            rp_id=self._site,
            challenge=nonce,
            timeout=_TIMEOUT_MS,
            allow_credentials=_descriptors(known),
            user_verification=(
                UserVerificationRequirement.PREFERRED
                if known
                else UserVerificationRequirement.REQUIRED
            ),
        )
        return dict(json.loads(options_to_json(options)))

    def signed(
        self,
        credential: Mapping[str, Any],
        passkey: Passkey,
        *,
        nonce: bytes,
        user_verified: bool = False,
    ) -> int:
        """Return how often a passkey has signed by now.

        Args:
            credential: What the browser sent.
            passkey: The one that it names.
            nonce: What was to be signed.
            user_verified: Whether the authenticator must have asked for a PIN or a finger.

        Raises:
            ProofRefused: The signature does not hold.
        """
        try:
            verified = verify_authentication_response(
                credential=dict(credential),
                expected_challenge=nonce,
                expected_rp_id=self._site,
                expected_origin=self._origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=user_verified,
            )
        except Exception as error:  # the library lets through what malformed input raises
            raise ProofRefused from error
        return verified.new_sign_count

    def credential_id(self, credential: Mapping[str, Any]) -> bytes | None:
        """Return which passkey a browser says it used; None when it does not say."""
        named = credential.get("id")
        if not isinstance(named, str) or not named.isascii():
            return None
        try:
            decoded = base64url_to_bytes(named)
        except ValueError:
            return None
        return decoded if 0 < len(decoded) <= _MAX_CREDENTIAL_BYTES else None


def _descriptors(known: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=passkey.credential_id) for passkey in known]
