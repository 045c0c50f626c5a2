"""A small service made with `create_app`, and callers for it."""

import base64
import io
import json
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Protocol, cast
from uuid import UUID, uuid4

import httpx
import pytest
import structlog
from fastapi import APIRouter, Depends, FastAPI, File, Request, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, SecretStr
from redis.asyncio import Redis

from libs.common.errors import Unauthenticated
from libs.common.http import (
    JsonResponse,
    anonymous,
    caller_with,
    create_app,
    internal_caller,
    rate_limited,
)
from libs.common.resources import Resources
from libs.common.security import Caller, CallerKind, CallerVerifier, Scope, ServiceTokens
from libs.common.settings import ServiceSettings
from libs.common.telemetry import configure_logging
from libs.common.telemetry.logging import _Access, flush_request_lines
from libs.common.testing.keys import ServiceKeys, make_service_keys
from tests.common.conftest import log_plainly
from tests.conftest import DatabaseUrls


class SampleSettings(ServiceSettings):
    """The settings of the sample service."""

    service: ClassVar[str] = "sample"


class Callers:
    """Stands in for the verifier, which asks auth: a bearer token is a caller's name."""

    def __init__(self) -> None:
        self.known: dict[str, Caller] = {}

    def add(self, name: str, *scopes: Scope, kind: CallerKind = CallerKind.USER) -> dict[str, str]:
        """Make a caller of a tenant of its own and return its headers."""
        self.known[name] = Caller(
            kind=kind, id=uuid4(), tenant_id=uuid4(), scopes=frozenset(scopes), user_id=None
        )
        return {"authorization": f"Bearer {name}"}

    async def verify(self, headers: Mapping[str, str]) -> Caller | None:
        """Return the caller; the same contract as `CallerVerifier.verify`."""
        name = headers.get("authorization", "").removeprefix("Bearer ")
        if not name:
            return None
        if name not in self.known:
            raise Unauthenticated
        return self.known[name]


class NoteIn(BaseModel):
    """What a note is made from."""

    text: str = Field(max_length=2_000_000)
    stars: int = Field(default=0, ge=0, le=5)


class Sample:
    """The sample service's state: how often its writes ran."""

    def __init__(self) -> None:
        self.runs = 0
        self.slow: Callable[[], Awaitable[None]] | None = None


router = APIRouter(prefix="/api/v1/note")


def sample(request: Request) -> Sample:
    """Return the state that the lifespan has put together."""
    state: Sample = request.app.state.sample
    return state


Reader = Annotated[Caller, Depends(caller_with(Scope.AGENTS_READ))]
Writer = Annotated[Caller, Depends(caller_with(Scope.AGENTS_WRITE, leads=True))]


@router.get("/{note_id}")
async def get_note(note_id: UUID, caller: Reader) -> JsonResponse:
    """Return who asks for what."""
    return JsonResponse({"id": note_id, "tenant": caller.tenant_id})


@router.post("", status_code=201)
async def add_note(note: NoteIn, caller: Writer, state: Annotated[Sample, Depends(sample)]) -> Any:
    """Count a run."""
    state.runs += 1
    if state.slow is not None:
        await state.slow()
    if note.text == "explode":
        raise RuntimeError("the secret is 12345")
    return JsonResponse({"run": state.runs, "tenant": str(caller.tenant_id)}, status_code=201)


@router.post("/public")
async def add_public_note(
    caller: Annotated[Caller | None, Depends(anonymous())],
    state: Annotated[Sample, Depends(sample)],
) -> Any:
    """Count a run of somebody."""
    state.runs += 1
    return JsonResponse({"run": state.runs, "known": caller is not None})


@router.post("/upload", max_body_size=3_000_000, dependencies=[Depends(rate_limited("upload"))])
async def upload(
    file: Annotated[UploadFile, File()], caller: Writer, state: Annotated[Sample, Depends(sample)]
) -> Any:
    """Count a run."""
    state.runs += 1
    return JsonResponse({"run": state.runs, "size": len(await file.read())})


@router.get("/stream/of-text")
async def stream(caller: Reader) -> StreamingResponse:
    """Stream three pieces."""

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"a", b"b", b"c"):
            yield piece

    return StreamingResponse(pieces(), media_type="text/plain")


@router.get("/breaking/stream")
async def breaking_stream(caller: Reader) -> StreamingResponse:
    """Fail in the middle of a reply."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        raise RuntimeError("too late")

    return StreamingResponse(pieces())


@router.get("/failing/{kind}")
async def failing(kind: str, caller: Reader) -> None:
    """Raise what a dependency that is down raises."""
    raise {"connection": ConnectionRefusedError(), "timeout": TimeoutError()}.get(
        kind, RuntimeError("the secret is 12345")
    )


internal = APIRouter(prefix="/internal")


@internal.get("/whoami")
async def whoami(caller: Annotated[Caller, Depends(internal_caller())]) -> JsonResponse:
    """Return which service acts for whom."""
    return JsonResponse({"service": caller.name, "tenant": caller.tenant_id})


@internal.get("/secret")
async def secret(
    caller: Annotated[Caller, Depends(internal_caller(services=frozenset({"documents"})))],
) -> JsonResponse:
    """Return something that only documents may know."""
    return JsonResponse({"service": caller.name})


@pytest.fixture(scope="session")
def keys() -> ServiceKeys:
    """The keys of the sample service and of one that calls it."""
    return make_service_keys(["sample", "agents"])


@pytest.fixture
def sample_settings(
    database_urls: DatabaseUrls, redis_url: str, keys: ServiceKeys
) -> SampleSettings:
    """The sample service's settings."""
    urls = database_urls("sample")
    return SampleSettings(
        environment="local",
        primary_db_url=SecretStr(urls.primary),
        worker_db_url=SecretStr(urls.worker),
        redis_url=SecretStr(redis_url),
        master_encryption_key=SecretStr(base64.b64encode(bytes(range(32))).decode()),
        service_key=SecretStr(keys.private_pems["sample"]),
        service_jwks=json.dumps(keys.jwks),
        cors_allowed_origins=["https://shop.example"],
    )


@pytest.fixture
def agents_tokens(keys: ServiceKeys) -> ServiceTokens:
    """The identity of the service that calls the sample service."""
    return ServiceTokens(
        "agents", private_pem=keys.private_pems["agents"], jwks_json=json.dumps(keys.jwks)
    )


@pytest.fixture
async def resources(sample_settings: SampleSettings, redis: Redis) -> AsyncIterator[Resources]:
    """The sample service's open resources."""
    async with Resources.open(sample_settings) as opened:
        yield opened


@pytest.fixture
def callers(resources: Resources) -> Callers:
    """The callers that the sample service can verify."""
    known = Callers()
    resources.caller_verifier = cast("CallerVerifier", known)
    return known


@pytest.fixture
def app(sample_settings: SampleSettings, resources: Resources, callers: Callers) -> FastAPI:
    """The sample service."""
    made = create_app(
        settings=sample_settings, routers=[router, internal], title="Sample", resources=resources
    )
    made.state.sample = Sample()
    return made


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the sample service."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sample") as opened:
        yield opened


class LogLines(Protocol):
    """Returns what was logged since the test began."""

    def __call__(self) -> list[dict[str, Any]]: ...


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[LogLines]:
    """What is logged, as it would stand on stdout."""
    output = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output, write_through=True))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging(service="sample")
    # Otherwise loggers would go on writing to this test's output for ever.
    structlog.configure(cache_logger_on_first_use=False)

    def lines() -> list[dict[str, Any]]:
        flush_request_lines()
        return [json.loads(line) for line in output.getvalue().splitlines()]

    yield lines
    flush_request_lines()
    _Access.enabled = False
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    log_plainly()
