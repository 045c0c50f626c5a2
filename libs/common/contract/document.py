"""Writes the table as a page: `python -m libs.common.contract.document > docs/api-status.md`."""

import sys
from collections.abc import Iterator

from libs.common.contract import (
    ALIASES,
    ALL_ROUTES,
    OWNERS,
    PUBLIC_ROUTES,
    Route,
    State,
    routes_of,
)
from libs.common.permissions import KEY_SCOPES, ROLE_SCOPES, Scope

_INTRODUCTION = """\
# The API, route by route

Made from the route table in `libs/common/contract/`; do not edit by hand. A `built` route does
its work; a `planned` one answers 501 `not_available`. "Key" is an API key with the named scope; a
user's token counts by the user's role. What is enforced is the permission, which may also come
from a role of the company's own.
"""


def document() -> str:
    """Return the page as Markdown, ending in a newline."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _INTRODUCTION
    yield "| service | built | planned |"
    yield "|---|---|---|"
    for owner in OWNERS:
        routes = routes_of(owner)
        built = _built(routes)
        yield f"| [{owner}](#{owner}) | {built} | {len(routes) - built} |"
    built = _built(ALL_ROUTES)
    yield f"| all | {built} | {len(ALL_ROUTES) - built} |"
    yield ""
    yield "Other spellings, rewritten by the gateway:"
    yield ""
    for alias in ALIASES:
        yield f"- `{alias.path}` → `{alias.target}`"
    for owner in OWNERS:
        yield ""
        yield f"## {owner}"
        yield ""
        yield "| method | path | who | permission | state |"
        yield "|---|---|---|---|---|"
        for route in routes_of(owner):
            asks = f"`{route.permission}`" if route.permission else ""
            yield f"| {route.method} | `{route.path}` | {route.auth} | {asks} | {route.state} |"
    yield from _permissions()
    yield ""
    yield "## What strangers see"
    yield ""
    yield "These routes answer without credentials, with these fields and no others."
    yield ""
    yield "| method | path | fields |"
    yield "|---|---|---|"
    for (method, path), fields in PUBLIC_ROUTES.items():
        shown = ", ".join(dict.fromkeys(fields)) or "(no JSON)"
        yield f"| {method} | `{path}` | {shown} |"


def _permissions() -> Iterator[str]:
    yield ""
    yield "## Who holds which permission"
    yield ""
    yield "By role, and by the scopes of an API key, which never does more than its owner."
    yield ""
    holders = {**ROLE_SCOPES, **{f"key: {name}": held for name, held in KEY_SCOPES.items()}}
    yield f"| permission | {' | '.join(holders)} |"
    yield "|---" * (len(holders) + 1) + "|"
    for scope in Scope:
        marks = " | ".join("yes" if scope in held else "" for held in holders.values())
        yield f"| `{scope}` | {marks} |"


def _built(routes: tuple[Route, ...]) -> int:
    return sum(route.state is State.BUILT for route in routes)


if __name__ == "__main__":
    sys.stdout.write(document())
