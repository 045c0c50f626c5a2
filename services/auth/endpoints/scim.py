"""SCIM 2.0 (RFC 7644): a company's directory adds, changes and removes its people and groups."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from scim2_models import Context, Resource
from starlette.responses import Response

from libs.common.errors import NotFound
from services.auth.domain.directory import DirectoryGroup, DirectoryUser, KnownGroup, KnownUser
from services.auth.domain.federation_errors import DirectoryGroupNotFound, DirectoryUserNotFound
from services.auth.endpoints.access import ClientAddress
from services.auth.endpoints.scim_route import (
    NO_CONTENT,
    Base,
    Directory,
    ScimRoute,
    json_body,
    scim_reply,
)
from services.auth.schemas.scim import (
    POLICY,
    PREFIX,
    Group,
    User,
    check_version,
    directory_group,
    directory_user,
    group_resource,
    patched_group,
    patched_user,
    resource_types,
    schemas,
    service_provider_config,
    user_resource,
    written,
)
from services.auth.schemas.scim_search import Search, read_search

# SCIM describes itself, at /Schemas, better than OpenAPI could.
router = APIRouter(prefix=PREFIX, tags=["SCIM"], route_class=ScimRoute, include_in_schema=False)


@router.get("/ServiceProviderConfig")
async def show_service_provider_config(_use: Directory, base: Base) -> Response:
    """Say what of the standard there is."""
    return _shown(service_provider_config(base=base))


@router.get("/ResourceTypes")
async def list_resource_types(_use: Directory, base: Base) -> Response:
    """Describe the kinds of resources."""
    return _described(resource_types(base=base))


@router.get("/ResourceTypes/{name}")
async def show_resource_type(name: str, _use: Directory, base: Base) -> Response:
    """Describe one kind of resources."""
    return _shown(_named(resource_types(base=base), name))


@router.get("/Schemas")
async def list_schemas(_use: Directory, base: Base) -> Response:
    """Describe the attributes of each kind."""
    return _described(schemas(base=base))


@router.get("/Schemas/{name}")
async def show_schema(name: str, _use: Directory, base: Base) -> Response:
    """Describe the attributes of one kind."""
    return _shown(_named(schemas(base=base), name))


@router.get("/Users")
async def list_users(request: Request, use: Directory, base: Base) -> Response:
    """Search users."""
    return await _users(read_search(request.query_params, User), use, base)


@router.post("/Users/.search")
async def search_users(request: Request, use: Directory, base: Base) -> Response:
    """Search users, with the parameters in the body."""
    return await _users(read_search(await json_body(request), User), use, base)


@router.post("/Users")
async def create_user(
    request: Request, use: Directory, base: Base, address: ClientAddress
) -> Response:
    """Add a user."""
    with POLICY:
        wanted = User.model_validate(
            await json_body(request), scim_ctx=Context.RESOURCE_CREATION_REQUEST
        )
    user = await use.provision_user(directory_user(wanted), address=address)
    return _made(user_resource(user, base=base))


@router.get("/Users/{user_id}")
async def show_user(request: Request, user_id: str, use: Directory, base: Base) -> Response:
    """Return a user."""
    user = await use.find_users.one(_id(user_id, DirectoryUserNotFound))
    return _found(request, user_resource(user, base=base), read_search(request.query_params, User))


@router.put("/Users/{user_id}")
async def replace_user(
    request: Request, user_id: str, use: Directory, base: Base, address: ClientAddress
) -> Response:
    """Make a user what the body says."""
    body = await json_body(request)
    expected = request.headers.get("if-match")
    with POLICY:
        wanted = User.model_validate(body, scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)

    def change(before: KnownUser) -> DirectoryUser:
        check_version(user_resource(before, base=base), expected)
        return directory_user(wanted, before=before)

    user = await use.change_user(_id(user_id, DirectoryUserNotFound), change, address=address)
    return _shown(user_resource(user, base=base))


@router.patch("/Users/{user_id}")
async def patch_user(
    request: Request, user_id: str, use: Directory, base: Base, address: ClientAddress
) -> Response:
    """Change some attributes of a user."""
    change = patched_user(
        await json_body(request), base=base, expected=request.headers.get("if-match")
    )
    user = await use.change_user(_id(user_id, DirectoryUserNotFound), change, address=address)
    return _shown(user_resource(user, base=base))


@router.delete("/Users/{user_id}")
async def delete_user(
    request: Request, user_id: str, use: Directory, base: Base, address: ClientAddress
) -> Response:
    """Deactivate a user and hide them from the directory; what they made stays."""
    expected = request.headers.get("if-match")

    def check(before: KnownUser) -> None:
        check_version(user_resource(before, base=base), expected)

    await use.change_user.remove(_id(user_id, DirectoryUserNotFound), check, address=address)
    return Response(status_code=NO_CONTENT)


@router.get("/Groups")
async def list_groups(request: Request, use: Directory, base: Base) -> Response:
    """Search groups."""
    return await _groups(read_search(request.query_params, Group), use, base)


@router.post("/Groups/.search")
async def search_groups(request: Request, use: Directory, base: Base) -> Response:
    """Search groups, with the parameters in the body."""
    return await _groups(read_search(await json_body(request), Group), use, base)


@router.post("/Groups")
async def create_group(
    request: Request, use: Directory, base: Base, address: ClientAddress
) -> Response:
    """Add a group."""
    with POLICY:
        wanted = Group.model_validate(
            await json_body(request), scim_ctx=Context.RESOURCE_CREATION_REQUEST
        )
    group = await use.change_group.add(directory_group(wanted), address=address)
    return _made(group_resource(group, base=base))


@router.get("/Groups/{group_id}")
async def show_group(request: Request, group_id: str, use: Directory, base: Base) -> Response:
    """Return a group."""
    group = await use.find_groups.one(_id(group_id, DirectoryGroupNotFound))
    search = read_search(request.query_params, Group)
    return _found(request, group_resource(group, base=base), search)


@router.put("/Groups/{group_id}")
async def replace_group(
    request: Request, group_id: str, use: Directory, base: Base, address: ClientAddress
) -> Response:
    """Make a group what the body says."""
    body = await json_body(request)
    expected = request.headers.get("if-match")
    with POLICY:
        wanted = Group.model_validate(body, scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)

    def change(before: KnownGroup) -> DirectoryGroup:
        check_version(group_resource(before, base=base), expected)
        return directory_group(wanted)

    group = await use.change_group(_id(group_id, DirectoryGroupNotFound), change, address=address)
    return _shown(group_resource(group, base=base))


@router.patch("/Groups/{group_id}")
async def patch_group(
    request: Request, group_id: str, use: Directory, base: Base, address: ClientAddress
) -> Response:
    """Change a group's name or members."""
    change = patched_group(
        await json_body(request), base=base, expected=request.headers.get("if-match")
    )
    group = await use.change_group(_id(group_id, DirectoryGroupNotFound), change, address=address)
    return _shown(group_resource(group, base=base))


@router.delete("/Groups/{group_id}")
async def delete_group(
    request: Request, group_id: str, use: Directory, base: Base, address: ClientAddress
) -> Response:
    """Remove a group; its people stay."""
    expected = request.headers.get("if-match")

    def check(before: KnownGroup) -> None:
        check_version(group_resource(before, base=base), expected)

    await use.change_group.remove(_id(group_id, DirectoryGroupNotFound), check, address=address)
    return Response(status_code=NO_CONTENT)


async def _users(search: Search, use: Directory, base: Base) -> Response:
    users, total = await use.find_users(search.criteria, offset=search.offset, limit=search.limit)
    return _page([user_resource(user, base=base) for user in users], total, search)


async def _groups(search: Search, use: Directory, base: Base) -> Response:
    groups, total = await use.find_groups(
        search.criteria,
        offset=search.offset,
        limit=search.limit,
        with_members=search.wants_members,
    )
    return _page([group_resource(group, base=base) for group in groups], total, search)


def _id(text: str, missing: type[NotFound]) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise missing from None


def _named(resources: Sequence[Resource[Any]], name: str) -> Resource[Any]:
    for resource in resources:
        if resource.id == name:
            return resource
    raise NotFound


def _described(resources: Sequence[Resource[Any]]) -> Response:
    everything = Search(criteria=(), offset=0, limit=len(resources))
    return _page(resources, len(resources), everything)


def _page(resources: Sequence[Resource[Any]], total: int, search: Search) -> Response:
    return scim_reply(
        {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total,
            "startIndex": search.offset + 1,
            "itemsPerPage": len(resources),
            "Resources": [
                written(resource, Context.RESOURCE_QUERY_RESPONSE, search.parameters)
                for resource in resources
            ],
        }
    )


def _made(resource: Resource[Any]) -> Response:
    body = written(resource, Context.RESOURCE_CREATION_RESPONSE)
    location = {"location": body["meta"]["location"]}
    return scim_reply(body, status=201, headers=_version(resource) | location)


def _found(request: Request, resource: Resource[Any], search: Search) -> Response:
    version = _version(resource)
    if version["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=version)
    body = written(resource, Context.RESOURCE_QUERY_RESPONSE, search.parameters)
    return scim_reply(body, headers=version)


def _shown(resource: Resource[Any]) -> Response:
    return scim_reply(
        written(resource, Context.RESOURCE_QUERY_RESPONSE), headers=_version(resource)
    )


def _version(resource: Resource[Any]) -> dict[str, str]:
    version = resource.meta.version if resource.meta is not None else None
    return {"etag": version} if version else {}
