"""The shapes of registration, login and refresh."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, model_validator

from libs.common.permissions import Scope
from services.auth.domain.accounts import MAX_PASSWORD_CHARACTERS
from services.auth.domain.sessions import ACCESS_TOKEN_LIFETIME, IssuedTokens
from services.auth.models.sessions import Session
from services.auth.models.users import User
from services.auth.schemas.users import EmailText, Name, Password, Username, UserOut
from services.auth.use_cases.accept_invitation import Joining
from services.auth.use_cases.register_user import Registration


class RegisterIn(BaseModel):
    """A registration in either of the forms that clients send.

    With `company_name` a company is made; with `company_id` an empty one gets its admin.
    """

    email: EmailText
    password: Password
    first_name: Name
    last_name: Name
    username: Username | None = None
    phone: Annotated[str, StringConstraints(strip_whitespace=True, max_length=40)] | None = None
    company_id: UUID | None = None
    company_name: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
        | None
    ) = None
    accept_terms: bool | None = None
    invitation_token: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
        | None
    ) = Field(default=None, description="Of an invitation's link, to join that company.")

    @model_validator(mode="after")
    def _names_a_company(self) -> Self:
        if self.company_id is None and self.company_name is None and self.invitation_token is None:
            raise ValueError("Give company_name for a new company, or company_id for an empty one.")
        return self

    def joining(self) -> Joining | None:
        """Return it as the acceptance of an invitation, if it is one."""
        if self.invitation_token is None:
            return None
        return Joining(
            token=self.invitation_token,
            password=self.password,
            first_name=self.first_name,
            last_name=self.last_name,
            username=self.username,
            phone=self.phone,
            email=self.email,
        )

    def registration(self) -> Registration:
        """Return it in the use case's words."""
        return Registration(
            email=self.email,
            password=self.password,
            first_name=self.first_name,
            last_name=self.last_name,
            username=self.username,
            phone=self.phone,
            company_id=self.company_id,
            company_name=self.company_name,
        )


class LoginIn(BaseModel):
    """Address and password. A password that could not be set is just wrong."""

    email: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254)]
    password: Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD_CHARACTERS)]


class RefreshIn(BaseModel):
    """The body's form of a refresh; the Authorization header is the other."""

    refresh_token: str | None = None


class TokensOut(BaseModel):
    """An access token to send as Bearer, and the token that renews it, once."""

    access_token: str
    refresh_token: str
    token_type: str = "Bearer"
    expires_in: int = Field(description="Seconds the access token lives.")
    expires_at: datetime
    mfa_enrollment_required: bool = Field(
        default=False,
        description="Whether it is good for no more than setting up a second factor.",
    )

    @classmethod
    def of(cls, tokens: IssuedTokens) -> Self:
        """Show tokens."""
        return cls(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_in=int(ACCESS_TOKEN_LIFETIME.total_seconds()),
            expires_at=tokens.expires_at,
            mfa_enrollment_required=tokens.enrolling,
        )


class TokensReply(TokensOut):
    """Tokens: flat, and once more as `tokens`."""

    message: str
    tokens: TokensOut

    @classmethod
    def reply(cls, tokens: IssuedTokens, *, message: str) -> Self:
        """Show tokens."""
        shown = TokensOut.of(tokens)
        return cls(**shown.model_dump(), tokens=shown, message=message)


class LoginReply(TokensReply):
    """Tokens, and whose they are."""

    user: UserOut

    @classmethod
    def logged_in(cls, tokens: IssuedTokens, user: User, *, message: str) -> Self:
        """Show tokens and their user."""
        shown = TokensOut.of(tokens)
        return cls(**shown.model_dump(), tokens=shown, message=message, user=UserOut.of(user))


class MessageReply(BaseModel):
    """Nothing more to say than that it was done."""

    message: str


class SessionOut(BaseModel):
    """One of the caller's sessions."""

    id: UUID
    device: str | None
    ip_address: str | None
    method: str | None
    created_at: datetime
    last_used_at: datetime = Field(description="When its tokens were last renewed.")
    expires_at: datetime
    current: bool

    @classmethod
    def of(cls, session: Session, *, current: UUID | None) -> Self:
        """Show a session."""
        return cls(
            id=session.id,
            device=session.device,
            ip_address=session.address,
            method=session.method,
            created_at=session.created_at,
            last_used_at=session.refreshed_at,
            expires_at=min(session.idle_until, session.expires_at),
            current=session.id == current,
        )


class SessionListReply(BaseModel):
    """The caller's sessions that are not over, last used first."""

    sessions: list[SessionOut]


class SessionStateOut(BaseModel):
    """Whether a session still stands, and what its user may do by now."""

    active: bool
    role: str | None = None
    permissions: list[Scope] | None = None
    limits: dict[str, str] | None = None
    groups: list[UUID] = []
    origins: list[str] | None = None
