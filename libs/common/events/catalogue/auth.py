"""What auth tells: tenants, users, sessions and API keys."""

from uuid import UUID

from pydantic import Field

from libs.common.events.envelope import Event


class TenantCreated(Event, topic="auth", name="tenant.created"):
    """A company registered; the envelope names its tenant.

    Sent by auth in the transaction of the registration; read by analytics to open its ledger.
    """


class TenantClosed(Event, topic="auth", name="tenant.closed"):
    """A company was deleted or suspended; it is the aggregate.

    Its people's and keys' credentials end by themselves. Read by agents, whose public face hides
    the company's agents until `tenant.reopened`.
    """


class TenantReopened(Event, topic="auth", name="tenant.reopened"):
    """A company that was deleted or suspended is back; it is the aggregate."""


class UserCreated(Event, topic="auth", name="user.created"):
    """A user can log in.

    Read by analytics, which counts a tenant's users.
    """

    user_id: UUID
    role: str = Field(description="The role's name, as in `admin`.")


class UserUpdated(Event, topic="auth", name="user.updated"):
    """A user's role, state or profile changed; the aggregate is the user."""

    user_id: UUID


class UserDeleted(Event, topic="auth", name="user.deleted"):
    """A user is gone for good; read by analytics, which counts a tenant's users."""

    user_id: UUID


class LoggedIn(Event, topic="auth", name="user.logged_in"):
    """A user opened a session with valid credentials."""

    user_id: UUID


class SessionEnded(Event, topic="auth", name="session.ended"):
    """A session was closed or revoked; its tokens stop working within seconds."""

    session_id: UUID
    user_id: UUID


class ApiKeyCreated(Event, topic="auth", name="api_key.created"):
    """An API key was made."""

    key_id: UUID


class ApiKeyRevoked(Event, topic="auth", name="api_key.revoked"):
    """An API key was revoked; it stops working within seconds."""

    key_id: UUID
