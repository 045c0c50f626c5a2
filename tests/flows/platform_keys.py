"""The running platform's own signing key, to make tokens that only it could have made."""

import asyncio
import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from libs.common.resources import Resources
from ops.local.environment import Wiring
from ops.local.home import Home
from ops.local.launcher import DATABASE, OWNER
from ops.local.process import LOOPBACK
from ops.local.state import StackState
from ops.secrets import load_secrets
from ops.settings import load_settings
from services.auth.adapters.access_tokens import Es256AccessTokens
from services.auth.domain.signing import DatedKey
from services.auth.settings import Settings
from services.auth.use_cases.load_signing_keys import LoadSigningKeys
from tests.platform import Platform


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token says."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def signed_at(platform: Platform, token: str, now: datetime) -> str:
    """Return the same token as if the platform had made it at another time."""
    claims = claims_of(token)
    return Es256AccessTokens(asyncio.run(signing_keys(platform))).sign(
        user_id=UUID(claims["sub"]),
        tenant_id=UUID(claims["tenant"]),
        role=claims["role"],
        session_id=UUID(claims["session"]),
        now=now,
    )


async def signing_keys(platform: Platform) -> Sequence[DatedKey]:
    """Return the keys that the platform publishes, the one that signs by now first."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment_of(platform, "auth").items():
            patch.setenv(name, value)
        settings = Settings()
    async with Resources.open(settings) as resources:
        return await LoadSigningKeys(database=resources.database, key_ring=resources.key_ring)()


def environment_of(platform: Platform, process: str) -> dict[str, str]:
    """Return what a process of the platform, such as `auth` or `auth-worker`, is started with."""
    home = Home(platform.home)
    state = StackState.read(home.state)
    assert state is not None
    secrets = load_secrets(home.secrets)
    database = f"{LOOPBACK}:{state.ports['postgres']}/{DATABASE}"
    wiring = Wiring(
        settings=load_settings(),
        home=home,
        secrets=secrets,
        ports=state.ports,
        owner_url=f"postgresql://{OWNER}:{secrets.owner_password}@{database}",
        redis_url=f"redis://:{secrets.redis_password}@{LOOPBACK}:{state.ports['valkey']}/0",
    )
    return wiring.environment_of(process)
