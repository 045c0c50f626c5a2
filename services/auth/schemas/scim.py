"""SCIM 2.0 resources (RFC 7643) as we serve them: only attributes that we keep.

`scim2_models` reads, patches, filters and writes them; what a directory sends beyond them
(Microsoft Entra and Okta send a good deal) is passed over.
"""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

import orjson
from pydantic import Field
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    Context,
    ETag,
    Filter,
    InvalidValueException,
    Meta,
    Mutability,
    Patch,
    PatchOp,
    Reference,
    Required,
    Resource,
    ResourceType,
    ResponseParameters,
    ScimPolicy,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)

from services.auth.domain.directory import (
    MAX_PAGE,
    DirectoryGroup,
    DirectoryUser,
    KnownGroup,
    KnownUser,
)
from services.auth.domain.federation_errors import DirectoryChanged, UnknownMember

PREFIX: Final = "/scim/v2"
MEDIA_TYPE: Final = "application/scim+json"
MAX_NAME_CHARACTERS: Final = 254

# What the large directories send is not quite what the standard says.
POLICY: Final = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)

ShortText = Annotated[str, Field(max_length=100)]
LongText = Annotated[str, Field(max_length=MAX_NAME_CHARACTERS)]


class Name(ComplexAttribute):
    """A person's name in parts."""

    given_name: ShortText | None = None
    family_name: ShortText | None = None


class Email(ComplexAttribute):
    """An address; we keep one, the primary."""

    value: Annotated[LongText | None, Required.true] = None
    type: ShortText | None = None
    primary: bool | None = None


class GroupOfUser(ComplexAttribute):
    """A group that a user is in; groups are changed at the group."""

    value: Annotated[str | None, Mutability.read_only] = None
    display: Annotated[str | None, Mutability.read_only] = None


class User(Resource[Any]):
    """A person."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[LongText | None, Required.true, Uniqueness.server] = None
    name: Name | None = None
    active: bool | None = None
    emails: list[Email] | None = None
    groups: Annotated[list[GroupOfUser] | None, Mutability.read_only] = None

    Emails: ClassVar[type[ComplexAttribute]] = Email


class Member(ComplexAttribute):
    """A user in a group."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[Reference[User] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])


class Group(Resource[Any]):
    """A group of users; groups in groups are not kept."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[LongText | None, Required.true] = None
    members: list[Member] | None = None

    Members: ClassVar[type[ComplexAttribute]] = Member


RESOURCES: Final[tuple[type[Resource[Any]], ...]] = (User, Group)


def user_resource(user: KnownUser, *, base: str) -> User:
    """Show a user."""
    shown = User(
        id=str(user.id),
        external_id=user.external_id,
        user_name=user.user_name,
        name=Name(given_name=user.given_name or None, family_name=user.family_name or None)
        if user.given_name or user.family_name
        else None,
        active=user.active,
        emails=[Email(value=user.email, type="work", primary=True)],
        groups=[GroupOfUser(value=str(group_id), display=name) for group_id, name in user.groups],
    )
    shown.meta = _meta(shown, user, base=base)
    return shown


def group_resource(group: KnownGroup, *, base: str) -> Group:
    """Show a group."""
    shown = Group(
        id=str(group.id),
        external_id=group.external_id,
        display_name=group.display_name,
        members=[
            Member(value=member, ref=Reference(f"{base}/Users/{member}"), type="User")
            for member in sorted(map(str, group.members))
        ],
    )
    shown.meta = _meta(shown, group, base=base)
    return shown


def directory_user(resource: User, *, before: KnownUser | None = None) -> DirectoryUser:
    """Read what a directory wants a user to be.

    Args:
        resource: As it came, or as it is after a patch.
        before: The user as they are; what is not said stays where we cannot do without it.

    Raises:
        InvalidValueException: There is no e-mail address to be found.
    """
    user_name = (resource.user_name or "").strip()
    given = [entry for entry in resource.emails or () if entry.value]
    best = sorted(given, key=lambda entry: (not entry.primary, entry.type != "work"))
    email = best[0].value if best else None
    if email is None:
        email = user_name if "@" in user_name else before.email if before is not None else None
    if email is None or not user_name:
        raise InvalidValueException(detail="Give an e-mail address, in emails or as userName.")
    name = resource.name or Name()
    # Who is new is called by something; a name may be taken away later.
    nameless = user_name.partition("@")[0][:100] if before is None else ""
    return DirectoryUser(
        user_name=user_name,
        external_id=resource.external_id,
        email=email.strip(),
        given_name=(name.given_name or "").strip() or nameless,
        family_name=(name.family_name or "").strip(),
        active=resource.active is not False,
    )


def directory_group(resource: Group) -> DirectoryGroup:
    """Read what a directory wants a group to be.

    Raises:
        InvalidValueException: The name is empty.
        UnknownMember: A member's value is no id of ours.
    """
    name = (resource.display_name or "").strip()
    if not name:
        raise InvalidValueException(detail="Give the group a displayName.")
    try:
        members = frozenset(UUID(member.value or "") for member in resource.members or ())
    except ValueError as error:
        raise UnknownMember from error
    return DirectoryGroup(display_name=name, external_id=resource.external_id, members=members)


def patched_user(body: object, *, base: str, expected: str | None) -> Callable[..., DirectoryUser]:
    """Return the change that a PATCH asks for."""
    with POLICY:
        patch = PatchOp[User].model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST)

    def change(before: KnownUser) -> DirectoryUser:
        resource = user_resource(before, base=base)
        check_version(resource, expected)
        patch.patch(resource, scim_policy=POLICY)
        return directory_user(resource, before=before)

    return change


def patched_group(
    body: object, *, base: str, expected: str | None
) -> Callable[..., DirectoryGroup]:
    """Return the change that a PATCH asks for."""
    with POLICY:
        patch = PatchOp[Group].model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST)

    def change(before: KnownGroup) -> DirectoryGroup:
        resource = group_resource(before, base=base)
        check_version(resource, expected)
        patch.patch(resource, scim_policy=POLICY)
        return directory_group(resource)

    return change


def check_version(resource: Resource[Any], expected: str | None) -> None:
    """Refuse a change of a version that is not the newest.

    Raises:
        DirectoryChanged: `expected`, an If-Match header, names others.
    """
    version = resource.meta.version if resource.meta is not None else None
    if expected and expected.strip() != "*":
        known = {part.strip() for part in expected.split(",")}
        if version not in known:
            raise DirectoryChanged


def service_provider_config(*, base: str) -> ServiceProviderConfig:
    """Say what of the standard there is."""
    config = ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MAX_PAGE),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=False),
        etag=ETag(supported=True),
        authentication_schemes=[
            AuthenticationScheme(
                type="oauthbearertoken",
                name="Bearer token",
                description="A SCIM token of the company, made by one of its admins.",
                primary=True,
            )
        ],
    )
    config.meta = Meta(
        resource_type="ServiceProviderConfig", location=f"{base}/ServiceProviderConfig"
    )
    return config


def resource_types(*, base: str) -> list[ResourceType]:
    """Describe the kinds of resources."""
    found = []
    for model in RESOURCES:
        described = ResourceType.from_resource(model)
        described.meta = Meta(
            resource_type="ResourceType", location=f"{base}/ResourceTypes/{described.id}"
        )
        found.append(described)
    return found


def schemas(*, base: str) -> list[Resource[Any]]:
    """Describe the attributes of each kind."""
    found: list[Resource[Any]] = []
    for model in RESOURCES:
        described = model.to_schema()
        for attribute in described.attributes or ():
            # Who sends none is let off only where the userName is an address.
            if attribute.name == "emails":
                attribute.required = Required.true
        described.meta = Meta(resource_type="Schema", location=f"{base}/Schemas/{described.id}")
        found.append(described)
    return found


def written(
    resource: Resource[Any], context: Context, parameters: ResponseParameters[Any] | None = None
) -> dict[str, Any]:
    """Return a resource as the JSON of a reply, with the attributes that were asked for."""
    body: dict[str, Any] = resource.model_dump(scim_ctx=context, response_parameters=parameters)
    return body


def _meta(resource: Resource[Any], known: KnownUser | KnownGroup, *, base: str) -> Meta:
    content = orjson.dumps(
        resource.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE), option=orjson.OPT_SORT_KEYS
    )
    kind = type(resource).__name__
    return Meta(
        resource_type=kind,
        created=known.created_at,
        last_modified=known.updated_at,
        location=f"{base}/{kind}s/{known.id}",
        version=f'W/"{hashlib.sha256(content).hexdigest()[:20]}"',
    )
