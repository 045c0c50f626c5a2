"""The parts of the local stack, and in which order they start."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from ops.local import postgres, valkey
from ops.local.chat_setup import ChatPlan, plan_chat
from ops.local.environment import (
    QUIET_LIBRARIES,
    Wiring,
    inherited,
    needs_model_server,
)
from ops.local.nginx import clear_workers, nginx_program
from ops.local.nursery_client import Nursery
from ops.local.prepare import SUPERUSER_URL
from ops.local.probes import http_ok
from ops.local.process import LOOPBACK, Program, listening, spawn
from ops.local.supervisor import Part, Started
from ops.model_server.files import CHAT_NAME, missing_files
from ops.paths import ROOT
from ops.services import SERVICES, module_of

PROCESSES = tuple(name for service in SERVICES for name in (service, f"{service}-worker"))
# Every part that listens somewhere only we know.
PORT_NAMES = ("postgres", "valkey", "models", "chat", *PROCESSES)

# Clients first, so that nothing is asked of a part that is gone.
STOP_GATEWAY, STOP_SERVICES, STOP_HELPERS, STOP_STORES = range(4)


class Stack:
    """Describes the parts for the supervisor."""

    def __init__(self, wiring: Wiring, *, fork: bool = sys.platform.startswith("linux")) -> None:
        self._wiring = wiring
        self._home = wiring.home
        self._settings = wiring.settings
        self._nursery = (
            Nursery(log=self._log("nursery"), environment=QUIET_LIBRARIES) if fork else None
        )

    def parts(self) -> list[Part]:
        """Return all of them, in the order in which they are shown."""
        return [
            *self._stores(),
            *self._models(),
            *self._chat(),
            *self._services(),
            self._gateway(),
        ]

    def _log(self, name: str) -> Path:
        return self._home.logs / f"{name}.log"

    def _program(
        self, name: str, *arguments: str, environment: Mapping[str, str], stop_seconds: float = 10
    ) -> Program:
        return Program(
            name=name,
            command=(sys.executable, "-m", *arguments),
            directory=ROOT,
            log=self._log(name),
            environment=environment,
            stop_seconds=stop_seconds,
        )

    def _stores(self) -> Iterator[Part]:
        ports, secrets = self._wiring.ports, self._wiring.secrets
        migration = self._wiring.migration_environment()
        if self._settings.postgres_url is None:
            port, data = ports["postgres"], self._home.postgres
            migration[SUPERUSER_URL] = (
                f"postgresql://{postgres.SUPERUSER}:{secrets.postgres_password}"
                f"@{LOOPBACK}:{port}/postgres"
            )

            # A process of its own: the supervisor waits for all children that the launcher has.
            async def start_initdb() -> Started:
                arguments = ("ops.local.postgres", str(data))
                password = {postgres.PASSWORD_VARIABLE: secrets.postgres_password}
                return spawn(self._program("initdb", *arguments, environment=password))

            is_new = not (data / "PG_VERSION").exists()
            if is_new:
                yield Part(name="initdb", start=start_initdb, log=self._log("initdb"), once=True)

            async def start_postgres() -> Started:
                program = postgres.postgres_program(data, port=port, log=self._log("postgres"))
                return spawn(program)

            async def postgres_ready(pid: int) -> bool:
                return postgres.postgres_ready(data, pid=pid)

            yield Part(
                name="postgres",
                start=start_postgres,
                ready=postgres_ready,
                log=self._log("postgres"),
                port=port,
                after=("initdb",) if is_new else (),
                stop_signal=postgres.STOP_SIGNAL,
                stop_seconds=20.0,
                stop_last=STOP_STORES,
                before_restart=lambda: postgres.clear_orphans(data),
            )
        if self._settings.redis_url is None:
            redis_port = ports["valkey"]

            async def start_valkey() -> Started:
                program = valkey.valkey_program(
                    self._home.valkey,
                    port=redis_port,
                    password=secrets.redis_password,
                    log=self._log("valkey"),
                )
                return spawn(program)

            async def valkey_ready(_pid: int) -> bool:
                return valkey.valkey_ready(port=redis_port, password=secrets.redis_password)

            yield Part(
                name="valkey",
                start=start_valkey,
                ready=valkey_ready,
                log=self._log("valkey"),
                port=redis_port,
                stop_last=STOP_STORES,
            )

        async def start_migrate() -> Started:
            return spawn(self._program("migrate", "ops.local.prepare", environment=migration))

        yield Part(
            name="migrate",
            start=start_migrate,
            log=self._log("migrate"),
            once=True,
            after=("postgres",) if self._settings.postgres_url is None else (),
        )

    def _models(self) -> Iterator[Part]:
        if not needs_model_server(self._settings):
            return
        environment = self._wiring.model_server_environment()
        after: tuple[str, ...] = ()
        if missing_files(Path(environment["MODELS_DIR"])):

            async def start_fetch() -> Started:
                fetch = {**inherited(), **environment}
                program = self._program("model-files", "ops", "models", "fetch", environment=fetch)
                return spawn(program)

            after = ("model-files",)
            yield Part(
                name="model-files", start=start_fetch, log=self._log("model-files"), once=True
            )
        port = self._wiring.ports["models"]

        async def start_models() -> Started:
            return spawn(self._program("models", "ops.model_server", environment=environment))

        async def models_ready(_pid: int) -> bool:
            return await http_ok(port, "/health")

        yield Part(
            name="models",
            start=start_models,
            ready=models_ready,
            log=self._log("models"),
            port=port,
            after=after,
            stop_last=STOP_HELPERS,
        )

    def _chat(self) -> Iterator[Part]:
        """The local chat model: at once if it is here, later if it is to be fetched."""
        settings, port = self._settings, self._wiring.ports["chat"]
        folder = settings.models_dir or self._home.models
        plan = plan_chat(settings, folder)
        if plan is ChatPlan.NONE:
            return
        self._wiring.chat_ready = plan is not ChatPlan.LATER
        if plan is not ChatPlan.NOW:

            async def start_fetch() -> Started:
                fetch = {**inherited(), "MODELS_DIR": str(folder)}
                arguments = ("ops", "models", "fetch", "--chat")
                return spawn(self._program("chat-model", *arguments, environment=fetch))

            yield Part(
                name="chat-model",
                start=start_fetch,
                log=self._log("chat-model"),
                once=True,
                essential=plan is ChatPlan.FIRST,
            )

        async def start_chat() -> Started:
            arguments = ("ops.model_server.chat", str(folder / CHAT_NAME), str(port))
            return spawn(self._program("chat", *arguments, environment={"PYTHONUNBUFFERED": "1"}))

        async def chat_ready(_pid: int) -> bool:
            return await http_ok(port, "/health")

        def tell_services() -> list[str]:
            if self._wiring.chat_ready:
                return []
            # What they start with from now on names the model.
            self._wiring.chat_ready = True
            return [name for name in PROCESSES if name.startswith(("agents", "conversations"))]

        yield Part(
            name="chat",
            start=start_chat,
            ready=chat_ready,
            log=self._log("chat"),
            port=port,
            after=() if plan is ChatPlan.NOW else ("chat-model",),
            essential=plan is not ChatPlan.LATER,
            restart_when_ready=tell_services,
            stop_last=STOP_HELPERS,
        )

    def _services(self) -> Iterator[Part]:
        after = ["migrate"]
        if self._settings.redis_url is None:
            after.append("valkey")
        if self._nursery is not None:
            after.append("nursery")
            yield Part(
                name="nursery",
                start=self._nursery.start,
                ready=self._nursery.is_ready,
                log=self._log("nursery"),
                stop_last=STOP_HELPERS,
            )
        for process in PROCESSES:
            yield self._service(process, after=after)

    def _service(self, process: str, *, after: list[str]) -> Part:
        port = self._wiring.ports[process]

        async def start() -> Started:
            environment = self._wiring.environment_of(process)
            log = self._log(process)
            module = module_of(process)
            if self._nursery is not None:
                return await self._nursery.fork(process, module, environment=environment, log=log)
            return spawn(self._program(process, module, environment=environment))

        async def ready(_pid: int) -> bool:
            return await http_ok(port, "/health/ready")

        return Part(
            name=process,
            start=start,
            ready=ready,
            log=self._log(process),
            port=port,
            after=after,
            stop_seconds=30.0,
            stop_last=STOP_SERVICES,
        )

    def _gateway(self) -> Part:
        port, address = self._settings.port, self._settings.bind_address
        upstreams = {name: f"{LOOPBACK}:{self._wiring.ports[name]}" for name in SERVICES}

        async def start() -> Started:
            program = nginx_program(
                self._home.gateway,
                listen=(f"{address}:{port}",),
                upstreams=upstreams,
                log=self._log("gateway"),
            )
            return spawn(program)

        async def ready(_pid: int) -> bool:
            return listening(port, host=LOOPBACK if address == "0.0.0.0" else address)

        return Part(
            name="gateway",
            start=start,
            ready=ready,
            log=self._log("gateway"),
            port=port,
            stop_seconds=5.0,
            stop_last=STOP_GATEWAY,
            before_restart=lambda: clear_workers(self._home.gateway),
        )
