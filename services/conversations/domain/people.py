"""Who talks: a verified caller, as far as conversations care."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """The one behind a request; an API key acts for its user.

    Attributes:
        tenant_id: From the verified credentials.
        entity_type: `user`, `api_key` or `lead`.
        entity_id: Whose conversations these are.
        only_own: A lead's visit, since leads see no other conversations; None for others.
        lead_id: The person behind the visit; None for others.
    """

    tenant_id: UUID
    entity_type: str
    entity_id: UUID | None
    only_own: UUID | None = None
    lead_id: UUID | None = None
