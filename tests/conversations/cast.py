"""The cast of the conversations tests: two companies, what they know, and who may call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from libs.common.errors import Unauthenticated
from libs.common.ids import new_id
from libs.common.permissions import KEY_SCOPES, ROLE_SCOPES
from libs.common.security import Caller, CallerKind
from services.conversations.domain.knowledge import Knowledge, Passage, Quote

HANDBOOK = (
    "Returns are accepted within 30 days of delivery. The customer pays for the return parcel. "
    "Gift cards cannot be returned."
)
WARRANTY = "Every drill has a warranty of five years. Batteries are covered for 12 months."


def make_passage(number: int = 1, text: str = HANDBOOK, **changes: object) -> Passage:
    """Make a passage that begins at character 1000 of its document."""
    start = 1000
    values: dict[str, object] = {
        "number": number,
        "document_id": new_id(),
        "document_version": 3,
        "passage_id": uuid4(),
        "name": f"document-{number}.pdf",
        "url": None,
        "page": number,
        "char_start": start,
        "char_end": start + len(text),
        "text": text,
        **changes,
    }
    return Passage(**values)  # type: ignore[arg-type]  # a test names what it changes


def make_quote(passage: Passage, text: str) -> Quote:
    """Quote a sentence of a passage, where it stands."""
    start = passage.char_start + passage.text.index(text)
    return Quote(passage.number, start, start + len(text), text)


def make_knowledge(**changes: object) -> Knowledge:
    """Make what search finds about returns and warranties."""
    values: dict[str, object] = {
        "passages": [make_passage(1, HANDBOOK), make_passage(2, WARRANTY)],
        "relevant": True,
        **changes,
    }
    return Knowledge(**values)  # type: ignore[arg-type]  # a test names what it changes


@dataclass
class Company:
    """A company with an agent and callers."""

    id: UUID
    agent_id: UUID = field(default_factory=new_id)
    user_id: UUID = field(default_factory=uuid4)
    lead_id: UUID = field(default_factory=uuid4)
    group_id: UUID = field(default_factory=uuid4)
    visit_id: UUID = field(default_factory=uuid4)

    @property
    def key(self) -> dict[str, str]:
        """Headers of an API key that may read and write."""
        return {"x-api-key": f"ak_{self.id}", "x-api-secret": "as_test"}

    @property
    def user(self) -> dict[str, str]:
        """Headers of a signed-in user."""
        return {"authorization": f"Bearer user-{self.id}"}

    @property
    def admin(self) -> dict[str, str]:
        """Headers of a signed-in administrator."""
        return {"authorization": f"Bearer admin-{self.id}"}

    @property
    def lead(self) -> dict[str, str]:
        """Headers of a lead."""
        return {"authorization": f"Bearer lead-{self.id}"}


class Callers:
    """Stands in for `CallerVerifier`: knows some credentials by heart."""

    def __init__(self, *companies: Company) -> None:
        self._known: dict[str, Caller] = {}
        for company in companies:
            self._known[f"ak_{company.id}"] = Caller(
                kind=CallerKind.API_KEY,
                id=uuid4(),
                tenant_id=company.id,
                scopes=KEY_SCOPES["read"] | KEY_SCOPES["write"],
                user_id=company.user_id,
            )
            self._known[f"user-{company.id}"] = Caller(
                kind=CallerKind.USER,
                id=company.user_id,
                tenant_id=company.id,
                scopes=ROLE_SCOPES["user"],
                role="user",
                user_id=company.user_id,
                groups=frozenset({company.group_id}),
            )
            self._known[f"admin-{company.id}"] = Caller(
                kind=CallerKind.USER,
                id=company.user_id,
                tenant_id=company.id,
                scopes=ROLE_SCOPES["admin"],
                role="admin",
                user_id=company.user_id,
            )
            self._known[f"lead-{company.id}"] = Caller(
                kind=CallerKind.LEAD,
                id=company.lead_id,
                tenant_id=company.id,
                scopes=ROLE_SCOPES["lead"],
                session_id=company.visit_id,
            )

    async def verify(self, headers: Mapping[str, str]) -> Caller | None:
        """Return the caller; a Bearer wins over a key."""
        authorization = headers.get("authorization", "")
        name = authorization.removeprefix("Bearer ") or headers.get("x-api-key")
        if name is None:
            return None
        if name.startswith("ak_"):
            name = name.partition(":")[0]
        if name.startswith("visit:"):
            # As the stand-in of auth signs them.
            _, tenant_id, lead_id, session_id = name.split(":")
            return Caller(
                kind=CallerKind.LEAD,
                id=UUID(lead_id),
                tenant_id=UUID(tenant_id),
                scopes=ROLE_SCOPES["lead"],
                session_id=UUID(session_id),
            )
        if name not in self._known:
            raise Unauthenticated
        return self._known[name]
