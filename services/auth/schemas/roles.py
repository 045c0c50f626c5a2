"""The shapes of roles and permissions."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from libs.common.permissions import ROLE_SCOPES, Scope
from services.auth.domain.accounts import Role
from services.auth.domain.roles import MAX_ROLES_PER_USER
from services.auth.models.roles import CustomRole
from services.auth.use_cases.assign_roles import UserRoles

RoleName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
Permissions = Annotated[
    list[Annotated[str, StringConstraints(max_length=100)]], Field(max_length=len(Scope))
]


class RoleIn(BaseModel):
    """A role to be made."""

    name: RoleName
    description: Description = ""
    permissions: Permissions


class RolePatch(BaseModel):
    """What changes; a field that is left out stays as it is."""

    name: RoleName | None = None
    description: Description | None = None
    permissions: Permissions | None = None


class RoleOut(BaseModel):
    """A role: built in, or the company's own."""

    id: UUID | None = Field(description="None for a built-in role.")
    name: str
    description: str
    permissions: list[str]
    built_in: bool
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, role: CustomRole) -> Self:
        """Show one of the company's roles."""
        return cls(
            id=role.id,
            name=role.name,
            description=role.description,
            permissions=role.permissions,
            built_in=False,
            created_at=role.created_at,
            updated_at=role.updated_at,
        )

    @classmethod
    def built_ins(cls) -> list[Self]:
        """Show the roles that every company has."""
        return [
            cls(
                id=None,
                name=role,
                description="",
                permissions=sorted(ROLE_SCOPES[role]),
                built_in=True,
                created_at=None,
                updated_at=None,
            )
            for role in (Role.ADMIN, Role.USER)
        ]


class RoleListReply(BaseModel):
    """All roles of the company, the built-in ones first."""

    roles: list[RoleOut]


class RoleReply(BaseModel):
    """One role."""

    message: str
    id: UUID
    role: RoleOut

    @classmethod
    def reply(cls, role: CustomRole, *, message: str) -> Self:
        """Show a role."""
        return cls(message=message, id=role.id, role=RoleOut.of(role))


class RoleDeletedReply(BaseModel):
    """A role that is gone."""

    message: str = "Role deleted."
    id: UUID


class PermissionOut(BaseModel):
    """Something that a role can allow."""

    name: str
    resource: str
    action: str


class PermissionListReply(BaseModel):
    """Everything that a role can allow."""

    permissions: list[PermissionOut]

    @classmethod
    def reply(cls) -> Self:
        """Show all permissions that a company can give."""
        return cls(
            permissions=[
                PermissionOut(name=scope, resource=scope.resource, action=scope.action)
                for scope in sorted(ROLE_SCOPES[Role.ADMIN])
            ]
        )


class UserRolesIn(BaseModel):
    """The roles that a user shall have in place of those before; none: the built-in one counts."""

    role_ids: Annotated[list[UUID], Field(max_length=MAX_ROLES_PER_USER)]


class UserRolesReply(BaseModel):
    """A user's roles, and what they allow together."""

    user_id: UUID
    role: str = Field(description="The built-in one.")
    roles: list[RoleOut]
    permissions: list[str]

    @classmethod
    def reply(cls, held: UserRoles) -> Self:
        """Show a user's roles."""
        return cls(
            user_id=held.user_id,
            role=held.role,
            roles=[RoleOut.of(role) for role in held.custom],
            permissions=list(held.permissions),
        )
