"""Roles of a company's own, what they are made of, and who has them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from libs.common.http import errors
from libs.common.security import Scope
from services.auth.domain.errors import (
    AdminNotNarrowed,
    PermissionNotYours,
    RoleInUse,
    RoleNameTaken,
    RoleNotFound,
    TooManyRoles,
    UnknownPermission,
    UserNotFound,
)
from services.auth.endpoints.access import PEOPLE, ClientAddress, use_cases_for
from services.auth.schemas.roles import (
    PermissionListReply,
    RoleDeletedReply,
    RoleIn,
    RoleListReply,
    RoleOut,
    RolePatch,
    RoleReply,
    UserRolesIn,
    UserRolesReply,
)
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1", tags=["roles"])

Reader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.ROLES_READ))]
Writer = Annotated[CallerUseCases, Depends(use_cases_for(Scope.ROLES_WRITE, kinds=PEOPLE))]
UserReader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.USERS_READ))]
UserWriter = Annotated[CallerUseCases, Depends(use_cases_for(Scope.USERS_UPDATE, kinds=PEOPLE))]


@router.get("/permission", response_model=PermissionListReply)
async def list_permissions(_use: Reader) -> PermissionListReply:
    """Return everything that a role can allow."""
    return PermissionListReply.reply()


@router.get("/role", response_model=RoleListReply)
async def list_roles(use: Reader) -> RoleListReply:
    """Return the built-in roles and those that the company made."""
    own = [RoleOut.of(role) for role in await use.list_roles()]
    return RoleListReply(roles=[*RoleOut.built_ins(), *own])


@router.post(
    "/role",
    status_code=201,
    response_model=RoleReply,
    responses=errors(RoleNameTaken, UnknownPermission, PermissionNotYours, TooManyRoles),
)
async def create_role(body: RoleIn, use: Writer, address: ClientAddress) -> RoleReply:
    """Make a role; it can allow no more than the caller may do."""
    role = await use.create_role(
        name=body.name,
        description=body.description,
        permissions=body.permissions,
        address=address,
    )
    return RoleReply.reply(role, message="Role created.")


@router.get("/role/{role_id}", response_model=RoleReply, responses=errors(RoleNotFound))
async def show_role(role_id: UUID, use: Reader) -> RoleReply:
    """Return one of the company's roles."""
    return RoleReply.reply(await use.show_role(role_id), message="Role found.")


@router.put(
    "/role/{role_id}",
    response_model=RoleReply,
    responses=errors(RoleNotFound, RoleNameTaken, UnknownPermission, PermissionNotYours),
)
async def update_role(
    role_id: UUID, body: RolePatch, use: Writer, address: ClientAddress
) -> RoleReply:
    """Change a role; for those who have it, within seconds."""
    role = await use.update_role(
        role_id,
        name=body.name,
        description=body.description,
        permissions=body.permissions,
        address=address,
    )
    return RoleReply.reply(role, message="Role changed.")


@router.delete(
    "/role/{role_id}",
    response_model=RoleDeletedReply,
    responses=errors(RoleNotFound, RoleInUse),
)
async def delete_role(role_id: UUID, use: Writer, address: ClientAddress) -> RoleDeletedReply:
    """Delete a role that nobody has."""
    await use.delete_role(role_id, address=address)
    return RoleDeletedReply(id=role_id)


@router.get("/user/{user_id}/roles", response_model=UserRolesReply, responses=errors(UserNotFound))
async def show_user_roles(user_id: UUID, use: UserReader) -> UserRolesReply:
    """Return a user's roles and what they allow."""
    return UserRolesReply.reply(await use.show_user_roles(user_id))


@router.put(
    "/user/{user_id}/roles",
    response_model=UserRolesReply,
    responses=errors(UserNotFound, RoleNotFound, AdminNotNarrowed, PermissionNotYours),
)
async def assign_roles(
    user_id: UUID, body: UserRolesIn, use: UserWriter, address: ClientAddress
) -> UserRolesReply:
    """Give a user these of the company's roles, in place of those before."""
    return UserRolesReply.reply(await use.assign_roles(user_id, body.role_ids, address=address))
