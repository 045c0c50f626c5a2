"""The shapes of mail verification, passwords and invitations."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from services.auth.domain.accounts import MAX_PASSWORD_CHARACTERS, Role
from services.auth.models.invitations import Invitation
from services.auth.schemas.users import EmailText, Name, Password, Username
from services.auth.use_cases.accept_invitation import Joining

Token = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class EmailIn(BaseModel):
    """An address, known or not."""

    email: EmailText


class TokenIn(BaseModel):
    """The token of a link in a mail."""

    token: Token


class ResetPasswordIn(BaseModel):
    """The token of a link, and the password to be."""

    token: Token
    password: Password


class ChangePasswordIn(BaseModel):
    """The password that is, and the one to be."""

    current_password: Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD_CHARACTERS)]
    new_password: Password


class InviteIn(BaseModel):
    """Whom an admin invites, and as what."""

    email: EmailText
    role: Literal["admin", "user"] = "user"

    def wanted_role(self) -> Role:
        """Return the role in the domain's words."""
        return Role(self.role)


class RequestInvitationIn(BaseModel):
    """Whom to send an invitation, and of which company if there are several."""

    email: EmailText
    company_id: UUID | None = None


class JoinIn(BaseModel):
    """What somebody fills in who was invited."""

    token: Token
    password: Password
    first_name: Name
    last_name: Name
    username: Username | None = None

    def joining(self) -> Joining:
        """Return it in the use case's words."""
        return Joining(
            token=self.token,
            password=self.password,
            first_name=self.first_name,
            last_name=self.last_name,
            username=self.username,
        )


class InvitationOut(BaseModel):
    """An open invitation."""

    id: UUID
    email: str
    role: str
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, invitation: Invitation) -> Self:
        """Show an invitation."""
        return cls(
            id=invitation.id,
            email=invitation.email,
            role=invitation.role,
            invited_by=invitation.invited_by,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
        )


class InvitationReply(BaseModel):
    """One invitation."""

    message: str = "The invitation is on its way."
    invitation: InvitationOut


class InvitationListReply(BaseModel):
    """The company's open invitations."""

    invitations: list[InvitationOut]
