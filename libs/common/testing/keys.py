"""Signing keys for tests, in the shapes that services read from their environment."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class ServiceKeys:
    """Private keys by service, as PEM, and the public ones as a JWKS."""

    private_pems: dict[str, str]
    jwks: dict[str, list[dict[str, str]]]


def make_service_keys(services: Iterable[str]) -> ServiceKeys:
    """Make an EC P-256 key for each service; its `kid` is the service's name."""
    pems: dict[str, str] = {}
    public: list[dict[str, str]] = []
    for service in services:
        key = ec.generate_private_key(ec.SECP256R1())
        pems[service] = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        numbers = key.public_key().public_numbers()
        public.append(
            {
                "kty": "EC",
                "crv": "P-256",
                "use": "sig",
                "alg": "ES256",
                "kid": service,
                "x": _base64url(numbers.x),
                "y": _base64url(numbers.y),
            }
        )
    return ServiceKeys(pems, {"keys": public})


def _base64url(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
