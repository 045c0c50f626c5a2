"""What every service tells the audit trail."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from libs.common.events.envelope import Event


class AccessDenied(Event, topic="audit", name="access.denied"):
    """A known caller was refused, in the last few seconds, at one route of one process.

    Sent straight to the stream by every HTTP process, as a refusal has no transaction to be
    recorded in: what a killed process had not sent is lost. Read by auth for the audit trail.
    The address is the one piece of personal data in any event; the trail wants it.
    """

    service: str
    method: str
    route: str = Field(description="The template, as in `/api/v1/agent/{agent_id}`.")
    reason: Literal["permission", "not_found", "network"] = Field(
        description="`not_found`: an id that does not exist, or is another tenant's."
    )
    caller_kind: str
    caller_id: UUID | None
    user_id: UUID | None
    role: str | None
    impersonator_id: UUID | None = Field(
        default=None, description="The super admin who acted in the user's name."
    )
    address: str
    times: int = Field(ge=1)


class KeysRotated(Event, topic="audit", name="keys.rotated"):
    """An operator has put a service's tenant keys under its present root key.

    Sent straight to the stream by `ops keys rotate`, which knows one service's environment. The
    envelope names the platform's tenant. Read by auth for the platform's audit trail.
    """

    service: str
    new_tenant_keys: bool = Field(description="Each tenant got another key, and its fields too.")
    unreadable: int = Field(ge=0, description="Fields that opened under no key.")
