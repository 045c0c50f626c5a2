"""What one row of the route table says."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Route:
    """One route as its owner serves it.

    `path` is the whole path with named parameters, such as `/api/v1/agent/{agent_id}`. Other
    spellings that clients use (`/v1/...`, `/health`) are aliases, rewritten by the gateway.
    """

    method: str
    path: str
    owner: str
    auth: Auth
    state: State

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
