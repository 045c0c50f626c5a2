"""The gateway's routing, rendered from the contract's route table.

One source for the local stack, compose and Kubernetes: `routing_rules()` says which paths belong to
which service, and `render_nginx()` writes them as nginx.conf.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from libs.common.contract import (
    ALIASES,
    ALL_ROUTES,
    API_PREFIX,
    MIRROR_PREFIX,
    OWNERS,
    Route,
    is_parameter,
)

# The first hex digit of a task's id names its service (libs.common.ids).
TASK_DIGITS: Final = {
    "auth": "aA",
    "agents": "bB",
    "conversations": "cC",
    "documents": "dD",
    "analytics": "eE",
}
# The merged description of the whole API, and the page that shows it.
DESCRIPTION_PATHS: Final = (
    "/api/openapi.json",
    "/api/docs",
    "/api/docs/start.js",
    "/api/docs/swagger-ui-bundle.js",
    "/api/docs/swagger-ui.css",
)
DESCRIPTION_OWNER: Final = "auth"
# Answers that arrive piece by piece.
STREAMS: Final = {
    f"{API_PREFIX}/conversation/{{conversation_id}}/messages/stream": "conversations",
    "/v1/chat/completions": "conversations",
}
# Protocols of their own beside the API, each one service's as a whole.
WHOLE_PREFIXES: Final = ("/scim/v2",)
STREAMING: Final = ("proxy_buffering off;", "proxy_read_timeout 1h;")
# The services set their own limits; this one is for several files in one upload.
MAX_BODY: Final = "2g"
# A path, where other errors have names: nginx cannot go from a request line that it could not read
# to a name, and would answer 500.
BAD_REQUEST: Final = "/gateway/bad-request"
# As the services' own replies have them (libs.common.http.middleware).
SECURITY_HEADERS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),
)


# What the table's routes have, and what clients may ask of any of them.
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Match(StrEnum):
    """How a rule's path is compared."""

    EXACT = "exact"
    PREFIX = "prefix"  # the path itself and everything below it
    REGEX = "regex"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Paths of one service.

    Attributes:
        path: A path, or a pattern anchored at its start when `match` is REGEX.
        has_exceptions: Some paths below this prefix have rules of their own.
    """

    match: Match
    path: str
    owner: str
    has_exceptions: bool = False


def routing_rules(routes: Sequence[Route] = ALL_ROUTES) -> tuple[Rule, ...]:
    """Return the fewest rules that send every route of the table to its owner.

    Tasks and aliases are not among them: tasks are told apart by their id, aliases are rewritten.
    """
    versioned = [route for route in routes if route.path.startswith(f"{API_PREFIX}/")]
    own = [route for route in versioned if "/tasks/" not in route.path]
    others = [route for route in routes if route not in versioned]
    whole = {
        prefix: route.owner
        for route in others
        for prefix in WHOLE_PREFIXES
        if route.path.startswith(f"{prefix}/")
    }
    single = {
        route.path: route.owner
        for route in others
        if not any(route.path.startswith(f"{prefix}/") for prefix in whole)
    }
    return (
        *(Rule(match=Match.EXACT, path=path, owner=owner) for path, owner in single.items()),
        *(Rule(match=Match.PREFIX, path=prefix, owner=owner) for prefix, owner in whole.items()),
        *_rules(own, prefix=(), inherited=None),
    )


def _rules(
    routes: Sequence[Route], *, prefix: tuple[str, ...], inherited: str | None
) -> Iterator[Rule]:
    owners = {route.owner for route in routes}
    depth = len(prefix)
    here = {route.owner for route in routes if len(_segments(route)) == depth}
    if len(owners) == 1:
        owner = owners.pop()
        if owner != inherited:
            yield _rule(prefix, owner)
        return
    if len(here) > 1:
        raise ValueError(f"two services own /{'/'.join(prefix)}")
    children: dict[str, list[Route]] = defaultdict(list)
    for route in routes:
        segments = _segments(route)
        if len(segments) > depth:
            name = "{}" if is_parameter(segments[depth]) else segments[depth]
            children[name].append(route)
    default = here.pop() if here else inherited
    if default is not None and default != inherited:
        yield _rule(prefix, default, has_exceptions=True)
    for name, below in children.items():
        # A literal segment wins over a parameter, so where a parameter has exceptions its
        # neighbours are written out, although they go where the prefix goes.
        exceptions = "{}" in children and len({route.owner for route in children["{}"]}) > 1
        yield from _rules(
            below,
            prefix=(*prefix, name),
            inherited=None if exceptions and name != "{}" else default,
        )


def _segments(route: Route) -> list[str]:
    return route.path.strip("/").split("/")


def _rule(prefix: tuple[str, ...], owner: str, *, has_exceptions: bool = False) -> Rule:
    if "{}" not in prefix:
        path = "/" + "/".join(prefix)
        return Rule(match=Match.PREFIX, path=path, owner=owner, has_exceptions=has_exceptions)
    segments = ("[^/]+" if segment == "{}" else re.escape(segment) for segment in prefix)
    path = "^/" + "/".join(segments) + "(?:/|$)"
    return Rule(match=Match.REGEX, path=path, owner=owner)


@dataclass(frozen=True, kw_only=True)
class GatewayOptions:
    """What differs between the places where the gateway runs.

    Attributes:
        upstreams: `host:port` of each service.
        listen: As in nginx's directive, such as `127.0.0.1:8543`.
        resolver: A DNS server, where a service's name has several and changing addresses.
        user: Whom workers run as; only when the master runs as root.
        temporary: A folder for what nginx insists on having.
    """

    upstreams: Mapping[str, str]
    listen: Sequence[str]
    temporary: str
    resolver: str | None = None
    user: str | None = None
    workers: str = "auto"
    connections: int = 8192
    trusted_proxies: Sequence[str] = field(default=())


def render_nginx_for_cluster(
    upstreams: Mapping[str, str], *, port: int, resolver: str | None = None
) -> str:
    """Return nginx.conf for a container: unprivileged, all interfaces, `/tmp` to write to.

    Args:
        upstreams: `host:port` of each service.
        resolver: Docker's DNS (127.0.0.11), where a name stands for several containers. In
            Kubernetes a Service has one address that stays.
    """
    options = GatewayOptions(
        upstreams=upstreams,
        listen=(str(port),),
        temporary="/tmp",  # noqa: S108 - the container's own, an emptyDir
        resolver=resolver,
        # The address that the load balancer in front saw.
        trusted_proxies=("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    )
    return render_nginx(options)


def render_nginx(options: GatewayOptions) -> str:
    """Return the whole nginx.conf."""
    return "\n".join(
        [
            "# Rendered by ops/gateway.py from the route table of libs/common/contract.",
            *_main(options),
            "http {",
            *_indent(_http(options)),
            "    server {",
            *_indent(_server(options), by=8),
            "    }",
            "}",
            "",
        ]
    )


def _main(options: GatewayOptions) -> Iterator[str]:
    if options.user:
        yield f"user {options.user};"
    yield f"worker_processes {options.workers};"
    yield f"worker_rlimit_nofile {options.connections * 2};"
    yield "daemon off;"
    yield f'pid "{options.temporary}/nginx.pid";'
    yield "error_log stderr warn;"
    yield f"events {{ worker_connections {options.connections}; }}"


def _http(options: GatewayOptions) -> Iterator[str]:
    yield "access_log off;"
    yield "server_tokens off;"
    yield "default_type application/json;"
    for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        yield f'{name}_temp_path "{options.temporary}/{name}";'
    yield "tcp_nopush on;"
    yield "keepalive_timeout 75s;"
    yield "keepalive_requests 100000;"
    yield f"client_max_body_size {MAX_BODY};"
    # A long question fits a header buffer's worth of URL only by accident; bodies are for that.
    yield "large_client_header_buffers 4 16k;"
    yield "# Nothing is kept on disk: bodies and answers pass through."
    yield "proxy_request_buffering off;"
    yield "proxy_max_temp_file_size 0;"
    yield "proxy_http_version 1.1;"
    yield 'proxy_set_header Connection "";'
    yield "proxy_set_header Host $http_host;"
    yield "proxy_set_header X-Request-ID $correlation;"
    yield "proxy_set_header X-Forwarded-For $remote_addr;"
    yield "proxy_set_header X-Forwarded-Proto $scheme;"
    yield "# Only services may speak for a tenant."
    yield 'proxy_set_header X-Tenant-ID "";'
    yield "proxy_connect_timeout 2s;"
    yield "proxy_read_timeout 120s;"
    yield "proxy_send_timeout 120s;"
    yield "# Another replica may be tried, but never with a write that was sent already."
    yield "proxy_next_upstream error timeout;"
    yield "proxy_next_upstream_tries 2;"
    for address in options.trusted_proxies:
        yield f"set_real_ip_from {address};"
    if options.trusted_proxies:
        yield "real_ip_header X-Forwarded-For;"
        yield "real_ip_recursive on;"
    if options.resolver:
        yield f"resolver {options.resolver} valid=5s ipv6=off;"
    for owner in OWNERS:
        yield from _upstream(owner, options)
    yield from _maps()


def _maps() -> Iterator[str]:
    yield 'map $http_x_request_id $correlation { "" $request_id; default $http_x_request_id; }'
    yield "# What the service is asked for: aliases are undone, and nothing is decoded on the way."
    yield "map $request_uri $target {"
    yield "    default $request_uri;"
    yield f'    "~^{API_PREFIX}/" $request_uri;'
    for route in ALL_ROUTES:
        if not route.path.startswith(API_PREFIX):
            yield f'    "~^{re.escape(route.path)}(?:\\?|$)" $request_uri;'
    for number, alias in enumerate(ALIASES):
        rest = "(?:\\?.*)?$" if not alias.path.endswith("/") else ".*$"
        yield f'    "~^{re.escape(alias.path)}(?<rest{number}>{rest})" {alias.target}$rest{number};'
    yield "}"
    yield "# Dot segments are resolved by some and not by others; nobody needs them."
    yield "map $request_uri $unclean {"
    yield "    default 0;"
    yield '    "~*^[^?]*(?:/|%2f)(?:\\.|%2e){1,2}(?:/|%2f|\\?|$)" 1;'
    yield "}"
    yield "# Words that are no method at all would be refused by the services without our shape."
    yield "map $request_method $strange_method {"
    yield "    default 1;"
    yield '    "" 0;'  # the request line could not be read, which is said elsewhere
    yield f'    "~^(?:{"|".join(METHODS)})$" 0;'
    yield "}"


def _upstream(owner: str, options: GatewayOptions) -> Iterator[str]:
    yield f"upstream {owner} {{"
    if options.resolver:
        yield f"    zone {owner} 64k;"
    suffix = " resolve" if options.resolver else ""
    # One address that fails for a moment is no reason to stop trying it.
    yield f"    server {options.upstreams[owner]}{suffix} max_fails=0;"
    yield "    keepalive 128;"
    yield "    keepalive_requests 100000;"
    yield "    keepalive_timeout 60s;"
    yield "}"


def _server(options: GatewayOptions) -> Iterator[str]:
    for address in options.listen:
        yield f"listen {address} backlog=4096;"
    yield "# Asked by whoever runs the gateway: it says nothing of the services behind it."
    yield "location = /gateway/live { return 200; }"
    yield "if ($unclean) { return 404; }"
    yield "if ($strange_method) { return 405; }"
    yield "# Who opens the bare address in a browser wants to see something."
    yield "location = / { absolute_redirect off; return 302 /api/docs; }"
    yield f"error_page 400 414 494 505 =400 {BAD_REQUEST};"
    yield "error_page 404 @not_found;"
    yield "error_page 413 @too_large;"
    yield "error_page 405 @not_allowed;"
    yield "error_page 502 503 504 =503 @unavailable;"
    yield from _locations()
    yield "location / { return 404; }"
    yield from _error(f"= {BAD_REQUEST}", 400, "invalid", "The request cannot be read.")
    yield from _error("@not_found", 404, "not_found", "There is nothing at this address.")
    yield from _error(
        "@not_allowed", 405, "method_not_allowed", "This route does not support this method."
    )
    yield from _error("@too_large", 413, "payload_too_large", "The request is too large.")
    yield from _error(
        "@unavailable",
        503,
        "service_unavailable",
        "This part of the platform is not available at the moment; try again shortly.",
        headers=("add_header Retry-After 2 always;",),
    )


def _locations() -> Iterator[str]:
    yield "# Aliases of single paths."
    for alias in ALIASES:
        if not alias.path.endswith("/"):
            owner = next(route.owner for route in ALL_ROUTES if route.path == alias.target)
            yield _location(f"= {alias.path}", owner)
    for path in DESCRIPTION_PATHS:
        yield _location(f"= {path}", DESCRIPTION_OWNER)
    yield "# Tasks are told apart by the first digit of their id."
    for owner, digits in TASK_DIGITS.items():
        yield _location(f"~ ^/(?:(?:api/)?v1/)?tasks/[{digits}][^/]*/status$", owner)
    yield "# Streams, of which nothing may be held back."
    for path, owner in STREAMS.items():
        yield _location(_stream_pattern(path), owner, *STREAMING)
    yield "# Everything else, under both prefixes."
    for rule in routing_rules():
        if rule.match is Match.EXACT:
            if rule.path not in STREAMS:
                yield _location(f"= {rule.path}", rule.owner)
            continue
        if rule.match is Match.REGEX:
            pattern = rule.path.replace(f"^{re.escape(API_PREFIX)}", f"^(?:/api)?{MIRROR_PREFIX}")
            yield _location(f"~ {pattern}", rule.owner)
            continue
        for path in _spellings(rule.path):
            yield _location(f"= {path}", rule.owner)
            # "^~" ends the search: patterns are not looked at.
            streams = any(stream.startswith(f"{rule.path}/") for stream in STREAMS)
            search = "" if rule.has_exceptions or streams else "^~ "
            yield _location(f"{search}{path}/", rule.owner)


def _stream_pattern(path: str) -> str:
    if "{" not in path:
        return f"= {path}"
    prefix = re.escape(API_PREFIX)
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))
    return f"~ ^{pattern.replace(prefix, f'(?:/api)?{MIRROR_PREFIX}', 1)}$"


def _spellings(path: str) -> tuple[str, ...]:
    if path.startswith(API_PREFIX):
        return path, MIRROR_PREFIX + path.removeprefix(API_PREFIX)
    return (path,)


def _location(match: str, owner: str, *directives: str) -> str:
    body = " ".join((*directives, f"proxy_pass http://{owner}$target;"))
    return f"location {match} {{ {body} }}"


def _error(
    match: str, status: int, code: str, sentence: str, *, headers: Sequence[str] = ()
) -> Iterator[str]:
    body = (
        f'{{"error":"{sentence}","message":"{sentence}","code":"{code}","error_code":"{code}",'
        '"details":{},"request_id":"$request_id"}'
    )
    yield f"location {match} {{"
    yield "    internal;"
    yield "    default_type application/json;"
    # A page of another origin must be able to read what went wrong.
    yield '    add_header Access-Control-Allow-Origin "*" always;'
    yield "    add_header X-Request-ID $request_id always;"
    yield from (f'    add_header {name} "{value}" always;' for name, value in SECURITY_HEADERS)
    yield from (f"    {header}" for header in headers)
    yield f"    return {status} '{body}';"
    yield "}"


def _indent(lines: Iterator[str], *, by: int = 4) -> Iterator[str]:
    return (" " * by + line for line in lines)
