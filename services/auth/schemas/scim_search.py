"""SCIM's search parameters (RFC 7644, 3.4.2) in the directory's words.

Filters compare with `eq` and join with `and`: what directories ask when they look for somebody.
Anything else is refused as such rather than answered wrongly.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scim2_models import (
    InvalidFilterException,
    Resource,
    ResponseParameters,
    ScimFilter,
    SearchRequest,
)
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    LogicalExpr,
    LogicalOperator,
    ValuePath,
)

from services.auth.domain.directory import DEFAULT_PAGE, MAX_PAGE, Criterion
from services.auth.schemas.scim import POLICY, Group, User

_MAX_FILTER_CHARACTERS: Final = 2000
_PARAMETERS: Final = ("startIndex", "count", "attributes", "excludedAttributes")
_MAX_OFFSET: Final = 10_000_000

# An attribute as it is written, in lower case → as the repository calls it.
_ATTRIBUTES: Final[Mapping[type[Resource[Any]], Mapping[str, str]]] = {
    User: {
        "username": "user_name",
        "externalid": "external_id",
        "id": "id",
        "emails": "email",
        "emails.value": "email",
        "active": "active",
    },
    Group: {
        "displayname": "display_name",
        "externalid": "external_id",
        "id": "id",
        "members": "member",
        "members.value": "member",
    },
}
# We keep one address, of this type.
_IGNORED: Final = frozenset({"emails.type", "emails.primary"})


@dataclass(frozen=True, kw_only=True)
class Search:
    """What was asked for."""

    criteria: tuple[Criterion, ...]
    offset: int
    limit: int
    parameters: ResponseParameters[Any] | None = None
    """Which attributes are wanted."""

    @property
    def wants_members(self) -> bool:
        """Whether a group's members are to be shown; they can be many."""
        if self.parameters is None:
            return True
        if self.parameters.attributes:
            return any(_is_members(path) for path in self.parameters.attributes)
        return not any(_is_members(path) for path in self.parameters.excluded_attributes or ())


def read_search(given: Mapping[str, Any], model: type[User | Group]) -> Search:
    """Read a search from a request's query, or from the body of a `.search`.

    Raises:
        SCIMException: It asks for more than there is.
        ValidationError: It is none.
    """
    # The filter is read apart, so that it is refused by SCIM's word for that.
    parameters = {name: given[name] for name in _PARAMETERS if name in given}
    text = given.get("filter")
    with POLICY:
        wanted = SearchRequest[model].model_validate(parameters)  # type: ignore[valid-type]  # a class chosen at run time
    limit = DEFAULT_PAGE if wanted.count is None else min(wanted.count, MAX_PAGE)
    return Search(
        criteria=_criteria(str(text), model) if text else (),
        offset=min(wanted.start_index_0 or 0, _MAX_OFFSET),
        limit=limit,
        parameters=wanted,
    )


def _criteria(text: str, model: type[User | Group]) -> tuple[Criterion, ...]:
    if len(text) > _MAX_FILTER_CHARACTERS:
        raise InvalidFilterException(detail="The filter is too long.")
    try:
        tree = ScimFilter[model](text).ast  # type: ignore[valid-type]  # a class chosen at run time
        return tuple(_conditions(tree, _ATTRIBUTES[model]))
    except RecursionError as error:
        raise InvalidFilterException(detail="The filter is nested too deeply.") from error


def _conditions(
    node: FilterNode, attributes: Mapping[str, str], *, within: str = ""
) -> Iterator[Criterion]:
    if isinstance(node, LogicalExpr) and node.op is LogicalOperator.and_:
        for term in node.terms:
            yield from _conditions(term, attributes, within=within)
    elif isinstance(node, ValuePath) and not within and node.sub_attr is None:
        yield from _conditions(node.val_filter, attributes, within=_name(node.attr_path))
    elif isinstance(node, Comparison) and node.op is CompareOperator.eq:
        name = _name(node.attr_path)
        name = f"{within}.{name}" if within else name
        if name in _IGNORED:
            return
        if name not in attributes or not isinstance(node.value, str | bool):
            raise InvalidFilterException(detail=f"Resources cannot be searched by {name}.")
        if isinstance(node.value, str) and "\x00" in node.value:
            raise InvalidFilterException(detail="NUL characters are nowhere to be found.")
        yield Criterion(attribute=attributes[name], value=node.value)
    else:
        raise InvalidFilterException(detail="Filters compare with eq, and join with and.")


def _is_members(path: object) -> bool:
    return str(path).rpartition(":")[2].partition(".")[0].lower() == "members"


def _name(path: AttrPath) -> str:
    return ".".join(part.lower() for part in (path.attr, path.sub_attr) if part)
