"""Every image is built, and the compose file started, for real.

Slow, and needs a container engine: `make images` runs it. Where none can be had, it is skipped
and says why.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ops.deploy.images import IMAGES
from ops.local.process import free_port
from tests.deploy.engine import ROOT, STANDINS, Engine, NoEngine, compose, container_engine
from tests.platform import Platform, register, wait_for

pytestmark = [pytest.mark.containers, pytest.mark.timeout(2400)]

COMPOSE = ROOT / "docker-compose.yml"
OVERRIDE = STANDINS / "compose.yml"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    # Kept between runs where the caller says so, since base images take a minute to make.
    given = os.environ.get("ENGINE_FOLDER")
    folder = Path(given) if given else tmp_path_factory.mktemp("engine")
    try:
        with container_engine(folder) as running:
            yield running
    except NoEngine as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def images(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in IMAGES:
        engine.build(name)
    if not engine.has_registry:
        context = tmp_path_factory.mktemp("standins")
        shutil.copytree(STANDINS, context / "standins")
        shutil.copy(STANDINS / "Dockerfile", context / "Dockerfile")
        engine.docker("build", "--tag", "knowrithm/standins:dev", str(context))


@pytest.fixture(scope="module")
def platform(engine: Engine, images: None) -> Iterator[Platform]:
    port = free_port()
    environment = dict(engine.environment) | {
        "PORT": str(port),
        "COMPOSE_PROJECT_NAME": f"knowrithm-test-{port}",
        "RATE_LIMITS": '{"default": "100000/60"}',
    }
    with_port = Engine(environment, engine.has_registry)
    files = [COMPOSE] if engine.has_registry else [COMPOSE, OVERRIDE]
    try:
        compose(with_port, files, "up", "--detach", "--no-build", "--wait", "--wait-timeout", "240")
        yield Platform(f"http://127.0.0.1:{port}", Path(), environment)
    finally:
        compose(with_port, files, "down", "--volumes", "--timeout", "5", check=False)


def test_images_run_as_nobody_special(engine: Engine, images: None) -> None:
    for name in IMAGES:
        user = engine.docker(
            "image", "inspect", "--format", "{{.Config.User}}", f"knowrithm/{name}:dev"
        )
        assert user.stdout.strip() == "10001", name


def test_an_image_holds_its_own_service_only(engine: Engine, images: None) -> None:
    listed = engine.docker("run", "--rm", "knowrithm/auth:dev", "ls", "services").stdout.split()

    assert set(listed) - {"__pycache__"} == {"__init__.py", "auth"}


def test_the_compose_file_answers_a_question(platform: Platform) -> None:
    acme = register(platform, "Acme")
    agent_id = acme.call("POST", "/api/v1/agent", json={"name": "Kettles"}).json()["agent"]["id"]
    text = b"Every Tromso kettle carries a warranty of seven years.\n"
    acme.call(
        "POST",
        "/api/v1/document/upload",
        data={"agent_id": agent_id},
        files={"files": ("kettle.txt", text)},
    )

    def processed() -> bool:
        (document,) = acme.sdk.documents.list_documents()["documents"]
        assert document["status"] != "failed", document
        return bool(document["status"] == "processed")

    wait_for(processed, seconds=120, what="the document processed")
    conversation_id = acme.sdk.conversations.create_conversation(agent_id)["conversation"]["id"]
    answer = acme.sdk.messages.send_message(
        conversation_id, "How long is the warranty of a Tromso kettle?"
    )

    assert "seven years" in answer["response"]


def test_a_killed_service_is_back(platform: Platform, engine: Engine) -> None:
    project = platform.environment["COMPOSE_PROJECT_NAME"]
    engine.docker("kill", f"{project}-agents-1")
    engine.docker("start", f"{project}-agents-1")

    def well() -> bool:
        reply = requests.get(f"{platform.url}/health", timeout=10)
        return reply.status_code == 200 and reply.json()["status"] == "healthy"

    wait_for(well, seconds=60, what="the platform healthy")
