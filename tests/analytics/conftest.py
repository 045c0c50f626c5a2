"""Two companies, events that tell of them, and the application behind an in-process client."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest
from redis.asyncio import Redis

from libs.common.database import Database
from libs.common.errors import Unauthenticated
from libs.common.events.delivery import Delivered, Delivery
from libs.common.events.envelope import Event, EventEnvelope
from libs.common.ids import new_id
from libs.common.resources import Resources
from libs.common.security import Caller, CallerKind, CallerVerifier, Scope, scopes_of_role
from services.analytics.main import make_app
from services.analytics.settings import Settings
from services.analytics.workers.facts import HANDLERS
from tests.conftest import OpenDatabase, ServiceEnvironment

NOW = datetime.now(UTC)


@dataclass
class Company:
    """A tenant, and what is told of it."""

    database: Database
    id: UUID = field(default_factory=uuid4)
    agent_id: UUID = field(default_factory=new_id)
    conversation_id: UUID = field(default_factory=new_id)
    versions: int = 0

    @property
    def bearer(self) -> dict[str, str]:
        """The headers of a caller of this company."""
        return {"authorization": f"Bearer {self.id}"}

    @property
    def admin(self) -> dict[str, str]:
        """The headers of one of its admins, who looks after what it uses."""
        return {"authorization": f"Bearer {self.id}/usage:read"}

    async def hears(self, *events: Event, at: datetime = NOW) -> list[EventEnvelope]:
        """Have events delivered as the consumer would."""
        envelopes = [self.wrap(event, at=at) for event in events]
        await self.receives(events, envelopes)
        return envelopes

    async def receives(self, events: Any, envelopes: list[EventEnvelope]) -> None:
        """Have events delivered in envelopes that were made before."""
        delivery = Delivery(self.database, "analytics", HANDLERS)
        pairs = zip(events, envelopes, strict=True)
        await delivery.deliver(self.id, [Delivered(event, letter) for event, letter in pairs])

    def wrap(self, event: Event, *, at: datetime = NOW) -> EventEnvelope:
        """Put an event into an envelope."""
        self.versions += 1
        return EventEnvelope(
            id=new_id(),
            name=event.event_name,
            version=event.schema_version,
            tenant_id=self.id,
            aggregate_id=None,
            aggregate_version=self.versions,
            occurred_at=at,
            traceparent=None,
            payload=event.model_dump(mode="json"),
        )


class Callers:
    """Stands in for the verifier, which asks auth: a bearer token names a tenant."""

    async def verify(self, headers: Mapping[str, str]) -> Caller | None:
        """Return a caller of the named tenant: an admin, or one with the one scope named."""
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if not token:
            return None
        tenant, _, scope = token.partition("/")
        try:
            tenant_id = UUID(tenant)
        except ValueError:
            raise Unauthenticated from None
        scopes = frozenset({Scope(scope)}) if scope else scopes_of_role("admin")
        return Caller(kind=CallerKind.USER, id=tenant_id, tenant_id=tenant_id, scopes=scopes)


@pytest.fixture
async def database(open_database: OpenDatabase) -> Database:
    """The migrated database of analytics."""
    return await open_database("analytics")


@pytest.fixture
def acme(database: Database) -> Company:
    """The company whose eyes we look through."""
    return Company(database)


@pytest.fixture
def globex(database: Database) -> Company:
    """The other company."""
    return Company(database)


@pytest.fixture
async def resources(
    service_environment: ServiceEnvironment, redis: Redis
) -> AsyncIterator[Resources]:
    """Analytics' open resources."""
    environment = {key.lower(): value for key, value in service_environment("analytics").items()}
    values: dict[str, Any] = dict(environment)
    async with Resources.open(Settings(**values)) as opened:
        opened.caller_verifier = cast("CallerVerifier", Callers())
        yield opened


@pytest.fixture
async def client(resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application."""
    app = make_app(cast("Settings", resources.settings))
    async with app.router.lifespan_context(app):
        app.state.resources.caller_verifier = cast("CallerVerifier", Callers())
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://analytics") as opened:
            yield opened
