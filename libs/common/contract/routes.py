"""What one row of the route table says."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from libs.common.contract.permissions import permission_of
from libs.common.permissions import Scope

API_PREFIX: Final = "/api/v1"
MIRROR_PREFIX: Final = "/v1"

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Auth(StrEnum):
    """Who may call a route, in the words of the contract.

    "Key" is an API key with the named scope; a user's token counts by the user's role.
    """

    PUBLIC = "public"
    REFRESH_TOKEN = "refresh token"
    READ = "key: read, or user"
    READ_OR_LEAD = "key: read, user, or lead"
    WRITE = "key: write, or user"
    WRITE_OR_LEAD = "key: write, user, or lead"
    ADMIN = "key: admin, or admin user"
    READ_OR_ADMIN = "key: read, or admin user"
    WRITE_OR_ADMIN = "key: write, or admin user"
    USAGE = "key: read and admin, or admin user"
    USER = "user"
    ADMIN_USER = "admin user"
    SCIM_TOKEN = "SCIM token"
    SUPER_ADMIN = "super admin"


class State(StrEnum):
    """Whether a route does its work yet; a planned one answers 501 `not_available`."""

    BUILT = "built"
    PLANNED = "planned"


BUILT: Final = State.BUILT
PLANNED: Final = State.PLANNED


# Those of them who are somebody; everybody else brings no caller, so no permissions either.
_READERS: Final = frozenset({Auth.READ, Auth.READ_OR_LEAD, Auth.READ_OR_ADMIN, Auth.USAGE})
_CALLERS: Final = _READERS | {
    Auth.WRITE,
    Auth.WRITE_OR_LEAD,
    Auth.WRITE_OR_ADMIN,
    Auth.ADMIN,
    Auth.USER,
    Auth.ADMIN_USER,
    Auth.SUPER_ADMIN,
}


@dataclass(frozen=True)
class Route:
    """One route as its owner serves it.

    `path` is the whole path with named parameters, such as `/api/v1/agent/{agent_id}`. Other
    spellings that clients use (`/v1/...`, `/health`) are aliases, rewritten by the gateway.

    Attributes:
        asks: The permission, where path and method do not tell it (`permission`).
    """

    method: str
    path: str
    owner: str
    auth: Auth
    state: State
    asks: Scope | None = None

    @cached_property
    def permission(self) -> Scope | None:
        """What the caller must be allowed to do; None where there need be no caller.

        Raises:
            LookupError: Neither the row nor a rule says it.
        """
        if self.auth not in _CALLERS:
            return None
        if self.asks is not None:
            return self.asks
        if self.auth is Auth.SUPER_ADMIN:
            return Scope.PLATFORM_ADMIN
        return permission_of(self.method, self.shape, reads=self.auth in _READERS)

    @property
    def is_built(self) -> bool:
        """Whether it does its work yet."""
        return self.state is State.BUILT

    @property
    def shape(self) -> str:
        """The path with nameless parameters, to compare with a running app's routes."""
        return shape_of(self.path)

    @property
    def sort_key(self) -> tuple[list[str], int]:
        """Orders a table by path, literal segments before parameters, then by method."""
        # "{" sorts behind every letter, digit and dash that a path may hold.
        return self.path.split("/"), _METHODS.index(self.method)

    def matches(self, path: str) -> bool:
        """Say whether a concrete path, already undone of percent-encoding, fits this route."""
        own, other = self.path.split("/"), path.split("/")
        return len(own) == len(other) and all(
            wanted == found or (is_parameter(wanted) and found != "")
            for wanted, found in zip(own, other, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Alias:
    """Another spelling of a route; the gateway rewrites `path` to `target`.

    A path that ends in `/` stands for everything below it.
    """

    path: str
    target: str


def is_parameter(segment: str) -> bool:
    """Say whether a path segment is a parameter such as `{agent_id}`."""
    return segment.startswith("{") and segment.endswith("}")


def shape_of(path: str) -> str:
    """Return a path with its parameters nameless: `/agent/{agent_id}` gives `/agent/{}`."""
    return "/".join("{}" if is_parameter(segment) else segment for segment in path.split("/"))
