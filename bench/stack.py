"""The three programs of a run: the platform with its stores, the stub models, the limit program."""

import asyncio
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
from jose import jwt
from pgvector.asyncpg import register_vector

from bench import limit, stub
from bench.costs import MODELS, Parts
from bench.knowledge import sections
from bench.load import Connection, request_bytes
from ops.local import postgres
from ops.local.home import Home
from ops.secrets import load_secrets

_ROOT: Final = Path(__file__).resolve().parents[1]
_START_SECONDS: Final = 300.0
_UNLIMITED: Final = "100000000/60"
_CLASSES: Final = ("default", "upload", "search", "chat", "login", "register", "refresh", "public")
# The limits stay on, and are counted; they are only further away than the load goes.
_WIDE_LIMITS: Final = {
    "RATE_LIMITS": json.dumps(dict.fromkeys(_CLASSES, _UNLIMITED)),
    "ANSWERS_PER_TENANT": "5000",
    "ANSWER_CONCURRENCY": "5000",
    "MODEL_CALLS_PER_PROVIDER": "5000",
    "MODEL_CALLS_PER_AGENT": "5000",
}


@dataclass(frozen=True)
class Platform:
    """A platform with a home of its own, started and stopped as people do.

    Attributes:
        home: Where its state lies.
        port: Of the gateway.
        environment: What it is started with.
    """

    home: Path
    port: int
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        """The gateway."""
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> float:
        """Start it; return after how many seconds `make up` said that it was ready."""
        started = time.monotonic()
        self._make("up")
        return time.monotonic() - started

    def down(self) -> None:
        """Stop it."""
        self._make("down")

    def parts(self) -> Parts:
        """Return its processes by name; models are not counted."""
        state = json.loads((self.home / "run" / "state.json").read_text(encoding="utf-8"))
        roots = {
            name: part["pid"]
            for name, part in state["parts"].items()
            if part.get("pid") and name not in MODELS and part["state"] == "ready"
        }
        return Parts({**roots, "launcher": state["pid"]})

    def superuser_url(self, database: str) -> str:
        """Return where the owner of its PostgreSQL may do everything."""
        state = json.loads((self.home / "run" / "state.json").read_text(encoding="utf-8"))
        password = load_secrets(Home(self.home).secrets).postgres_password
        port = state["ports"]["postgres"]
        return f"postgresql://{postgres.SUPERUSER}:{password}@127.0.0.1:{port}/{database}"

    def _make(self, command: str) -> None:
        ran = subprocess.run(
            [sys.executable, "-m", "ops", command],
            cwd=_ROOT,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=_START_SECONDS,
            check=False,
        )
        if ran.returncode != 0:
            raise RuntimeError(
                f"`make {command}` failed:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}"
            )


@contextmanager
def scratch_platform(**variables: str) -> Iterator[Platform]:
    """Yield a platform that is not started yet, and take it away at the end."""
    home = Path(tempfile.mkdtemp(prefix="knowrithm-bench-"))
    # PostgreSQL runs as somebody else when we are root.
    home.chmod(0o755)
    port = free_port()
    environment = {
        **os.environ,
        "PORT": str(port),
        "KNOWRITHM_HOME": str(home),
        "LOCAL_CHAT": "extractive",
        **_WIDE_LIMITS,
        **variables,
    }
    environment.setdefault("MODELS_DIR", str(_ROOT / ".knowrithm" / "models"))
    platform = Platform(home, port, environment)
    try:
        yield platform
    finally:
        platform.down()
        shutil.rmtree(home, ignore_errors=True)


@dataclass
class StubModels:
    """The stub models, in a process of their own."""

    port: int
    connection: Connection

    @property
    def url(self) -> str:
        """What `OPENAI_BASE_URL` is set to."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def variables(self) -> dict[str, str]:
        """What has the platform use them, for chat and for embeddings, and rerank nothing."""
        return {
            "OPENAI_BASE_URL": self.url,
            "OPENAI_API_KEY": "stub",
            "CHAT_MODEL": "stub",
            "EMBEDDING_MODEL": "stub",
            "EMBEDDING_BASE_URL": self.url,
            "EMBEDDING_DIMENSION": str(stub.DIMENSION),
            "RERANK_URL": "off",
        }

    async def plan(self, plan: stub.Plan) -> None:
        """Say how answers shall come from now on."""
        body = orjson.dumps(plan)
        await self.connection.send(request_bytes("POST", "/plan", {}, body))

    async def counts(self) -> stub.Counts:
        """Return how often they were asked so far."""
        _, body = await self.connection.send(request_bytes("GET", "/counts", {}))
        return stub.Counts(**orjson.loads(body))


@asynccontextmanager
async def stub_models() -> AsyncIterator[StubModels]:
    """Start the stub models, and stop them at the end."""
    port = free_port()
    async with _process("bench.stub", "--port", str(port), port=port):
        yield StubModels(port, Connection(port))


@dataclass(frozen=True)
class LimitProgram:
    """The limit program, in a process of its own."""

    port: int
    pid: int
    token: str


@asynccontextmanager
async def limit_program(
    platform: Platform, models: StubModels, *, manuals: int, sections_each: int
) -> AsyncIterator[LimitProgram]:
    """Start the limit program on the platform's own PostgreSQL, with the same passages."""
    tenant, agent = UUID(int=1), UUID(int=2)
    password, secret = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
    dsn = await _limit_database(platform, password)
    connection = await asyncpg.connect(platform.superuser_url("bench_limit"))
    try:
        await register_vector(connection)
        rows = [
            (tenant, agent, text, stub.embed(text))
            for manual in range(manuals)
            for text in sections(manual, sections_each)
        ]
        columns = ["tenant_id", "agent_id", "body", "embedding"]
        await connection.copy_records_to_table("passages", records=rows, columns=columns)
        await connection.execute(
            "CREATE INDEX ON passages USING hnsw (embedding vector_cosine_ops); ANALYZE"
        )
    finally:
        await connection.close()
    claims: dict[str, Any] = {
        "tenant": str(tenant),
        "agent": str(agent),
        "exp": int(time.time()) + 86_400,
    }
    port = free_port()
    arguments = ("--port", str(port), "--dsn", dsn, "--models", models.url, f"--secret={secret}")
    async with _process("bench.limit", *arguments, port=port) as pid:
        yield LimitProgram(port, pid, jwt.encode(claims, secret, algorithm=limit.ALGORITHM))


async def _limit_database(platform: Platform, password: str) -> str:
    owner = await asyncpg.connect(platform.superuser_url("postgres"))
    try:
        await owner.execute(f"CREATE ROLE bench_limit LOGIN PASSWORD '{password}'")
        await owner.execute("CREATE DATABASE bench_limit")
    finally:
        await owner.close()
    owner = await asyncpg.connect(platform.superuser_url("bench_limit"))
    try:
        await owner.execute(limit.SCHEMA)
        await owner.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO bench_limit")
        await owner.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO bench_limit")
    finally:
        await owner.close()
    host = platform.superuser_url("bench_limit").rpartition("@")[2]
    return f"postgresql://bench_limit:{password}@{host}"


@asynccontextmanager
async def _process(module: str, *arguments: str, port: int) -> AsyncIterator[int]:
    """Run a module of ours until the block ends; it is ready once it listens."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, cwd=_ROOT, env=environment
    )
    try:
        for _ in range(300):
            if process.returncode is not None or _listens(port):
                break
            await asyncio.sleep(0.05)
        if process.returncode is not None:
            raise RuntimeError(f"{module} ended with {process.returncode}")
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
