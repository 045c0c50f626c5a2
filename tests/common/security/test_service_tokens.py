import json

import pytest

from libs.common.errors import Unauthenticated
from libs.common.security import ServiceTokens, SigningKey, sign_token

AGENTS = SigningKey.generate("agents")
DOCUMENTS = SigningKey.generate("documents")
JWKS = json.dumps({"keys": [AGENTS.public_jwk, DOCUMENTS.public_jwk]})


def make_tokens(key: SigningKey) -> ServiceTokens:
    return ServiceTokens(key.kid, private_pem=key.pem, jwks_json=JWKS)


class TestServiceTokens:
    def test_prove_who_is_calling(self) -> None:
        token = make_tokens(AGENTS).token_for("documents")

        assert make_tokens(DOCUMENTS).verify(token) == "agents"

    def test_are_used_again_while_fresh(self) -> None:
        tokens = make_tokens(AGENTS)

        assert tokens.token_for("documents") is tokens.token_for("documents")

    def test_hold_for_their_audience_only(self) -> None:
        token = make_tokens(AGENTS).token_for("auth")

        with pytest.raises(Unauthenticated):
            make_tokens(DOCUMENTS).verify(token)

    def test_cannot_speak_for_another_service(self) -> None:
        claims = {
            "iss": "auth",
            "sub": "auth",
            "aud": "documents",
            "jti": "1",
            "iat": 0,
            "nbf": 0,
            "exp": 2_000_000_000,
        }
        forged = sign_token(claims, key=AGENTS, typ="service+jwt")

        with pytest.raises(Unauthenticated):
            make_tokens(DOCUMENTS).verify(forged)

    @pytest.mark.parametrize("token", ["", "a.b.c", "x" * 9000])
    def test_refuse_garbage(self, token: str) -> None:
        with pytest.raises(Unauthenticated):
            make_tokens(DOCUMENTS).verify(token)

    def test_user_tokens_are_not_service_tokens(self) -> None:
        claims = {
            "iss": "agents",
            "sub": "agents",
            "aud": "documents",
            "jti": "1",
            "iat": 0,
            "nbf": 0,
            "exp": 2_000_000_000,
        }
        token = sign_token(claims, key=AGENTS, typ="at+jwt")

        with pytest.raises(Unauthenticated):
            make_tokens(DOCUMENTS).verify(token)
