"""What the operator sets, and what each process gets of it."""

import base64
import json
import re
import socket
from importlib import import_module
from pathlib import Path

import pytest

from libs.common.root_keys import LocalRootKey
from ops.errors import OpsError
from ops.local.chat_setup import ChatPlan, plan_chat
from ops.local.environment import Wiring, inherited, needs_model_server
from ops.local.home import Home
from ops.local.ports import check_gateway_port, choose_ports, is_free
from ops.local.process import free_port
from ops.local.stack import PORT_NAMES
from ops.migrate import heads_of, login_url, role_prefix
from ops.paths import ROOT
from ops.secrets import Secrets, load_secrets
from ops.services import SERVICES
from ops.settings import StackSettings, load_settings

OWNER = "postgresql://owner:secret@db.example:5433/my-shop?sslmode=require"


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in StackSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(StackSettings.model_config, "env_file", None)


def wiring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **variables: str) -> Wiring:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    ports = {name: 20_000 + number for number, name in enumerate(PORT_NAMES)}
    return Wiring(
        settings=settings,
        home=Home(tmp_path),
        secrets=Secrets.generate(),
        ports=ports,
        owner_url=settings.postgres_url or OWNER,
        redis_url=settings.redis_url or "redis://:pw@127.0.0.1:6379/0",
    )


class TestEnvironment:
    @pytest.mark.parametrize("service", SERVICES)
    def test_is_all_that_the_service_asks_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str
    ) -> None:
        environment = wiring(tmp_path, monkeypatch).environment_of(service)
        for name in list(environment):
            monkeypatch.setenv(name, environment[name])

        settings = import_module(f"services.{service}.settings").Settings()

        assert isinstance(settings.root_key, LocalRootKey)
        assert settings.http_port == int(environment["HTTP_PORT"])

    def test_a_service_logs_in_as_itself_and_does_not_know_the_owner(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = wiring(
            tmp_path,
            monkeypatch,
            POSTGRES_URL=OWNER,
            REPLICA_DB_URLS="postgresql://replica.example/my-shop",
            MASTER_ENCRYPTION_KEY=base64.b64encode(bytes(32)).decode(),
        )
        environment = made.environment_of("documents-worker")
        assert environment["PRIMARY_DB_URL"].startswith("postgresql://my_shop_documents:")
        assert environment["PRIMARY_DB_URL"].endswith("@db.example:5433/my-shop?sslmode=require")
        assert environment["WORKER_DB_URL"].startswith("postgresql://my_shop_documents_worker:")
        assert environment["REPLICA_DB_URLS"].startswith("postgresql://my_shop_documents:")
        assert "owner:secret" not in json.dumps(environment)
        assert environment["MASTER_ENCRYPTION_KEY"] != base64.b64encode(bytes(32)).decode()

    def test_mail_and_the_super_admin_are_auths_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = wiring(
            tmp_path,
            monkeypatch,
            SMTP_URL="smtps://robot:hidden-one@mail.example.com",
            SUPER_ADMIN_EMAIL="op@example.com",
            SUPER_ADMIN_PASSWORD="hidden-two-hidden",
            MFA_ENABLED="false",
        )

        environment = made.environment_of("auth-worker")

        assert environment["SMTP_URL"] == "smtps://robot:hidden-one@mail.example.com"
        assert environment["MFA_ENABLED"] == "false"
        assert environment["MAIL_FOLDER"] == str(tmp_path / "mails")
        for service in set(SERVICES) - {"auth"}:
            assert "hidden" not in json.dumps(made.environment_of(service))

    def test_root_keys_differ_and_stay(self) -> None:
        secrets = Secrets.generate()
        keys = {service: secrets.root_key_of(service) for service in SERVICES}
        assert len(set(keys.values())) == len(SERVICES)
        assert keys == {service: secrets.root_key_of(service) for service in SERVICES}

    def test_models_stay_local_with_a_chat_key_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = wiring(tmp_path, monkeypatch, OPENAI_API_KEY="sk-test")
        assert made.environment_of("conversations")["OPENAI_API_KEY"] == "sk-test"
        documents = made.environment_of("documents")
        assert "OPENAI_API_KEY" not in documents
        assert documents["EMBEDDING_BASE_URL"].startswith("http://127.0.0.1:")
        assert needs_model_server(made.settings)

    def test_embeddings_move_when_a_model_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = wiring(
            tmp_path,
            monkeypatch,
            OPENAI_BASE_URL="http://llm.example/v1",
            OPENAI_API_KEY="k",
            EMBEDDING_MODEL="text-embedding-3-small",
            RERANK_URL="http://rerank.example/v1/rerank",
        )
        documents = made.environment_of("documents")
        assert documents["EMBEDDING_BASE_URL"] == "http://llm.example/v1"
        assert documents["EMBEDDING_DIMENSION"] == "1536"
        assert documents["RERANK_URL"] == "http://rerank.example/v1/rerank"
        assert not needs_model_server(made.settings)

    def test_nothing_reranks_when_it_is_switched_off(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = wiring(
            tmp_path,
            monkeypatch,
            OPENAI_API_KEY="k",
            EMBEDDING_MODEL="text-embedding-3-small",
            RERANK_URL="off",
        )
        assert "RERANK_URL" not in made.environment_of("documents")
        assert not needs_model_server(made.settings)

    def test_an_unknown_embedding_model_needs_its_dimension(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = wiring(tmp_path, monkeypatch, OPENAI_API_KEY="k", EMBEDDING_MODEL="mystery")
        with pytest.raises(OpsError, match="EMBEDDING_DIMENSION"):
            made.environment_of("documents")

    def test_cloud_credentials_pass_and_the_launchers_secrets_do_not(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
        monkeypatch.setenv("POSTGRES_URL", OWNER)
        monkeypatch.setenv("JWT_SECRET_KEY", "old")
        passed = inherited()
        assert passed["AWS_ACCESS_KEY_ID"] == "AKIA"
        assert not {"POSTGRES_URL", "JWT_SECRET_KEY"} & passed.keys()


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value", "reason"),
        [
            ("PORT", "many", "should be a valid integer"),
            ("POSTGRES_URL", "db.example", "not a URL with a scheme and a host"),
            ("OBJECT_STORE_URL", "ftp://store/bucket", "it begins with none of s3://"),
            ("SMTP_URL", "mail.example.com", "write smtp://, smtp.starttls:// or smtps://"),
            ("MASTER_ENCRYPTION_KEY", "open sesame", "not base64 of 32 bytes"),
            ("LOG_LEVEL", "LOUD", "should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ],
    )
    def test_a_wrong_value_is_named(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
    ) -> None:
        monkeypatch.setenv(name, value)
        with pytest.raises(OpsError, match=f"{name} cannot be used: {reason}"):
            load_settings()

    def test_a_line_that_is_no_setting_is_said_with_its_file(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / ".env").write_text("PORT=9000\nnothing of the kind\n")
        monkeypatch.setitem(StackSettings.model_config, "env_file", tmp_path / ".env")

        assert load_settings().port == 9000
        assert caplog.messages == [
            f"Note: {ROOT / '.env'} is not NAME=value, and not read, at line 2"
        ]

    def test_every_variable_of_the_example_is_read(self) -> None:
        text = (ROOT / ".env.example").read_text()
        shown = set(re.findall(r"^#([A-Z_]+)=", text, re.MULTILINE))
        stack = {name.upper() for name in StackSettings.model_fields}
        read = stack.union(
            *(
                {
                    name.upper()
                    for name in import_module(f"services.{service}.settings").Settings.model_fields
                }
                for service in SERVICES
            )
        )
        assert shown <= read
        assert stack <= shown

    @pytest.mark.parametrize(
        "name", ["PRIMARY_DB_URL", "JWT_SECRET_KEY", "MASTER_ENCRYPTION_KEY", "REPLICA_DB_URLS"]
    )
    def test_the_guides_names_are_explained(self, name: str) -> None:
        assert name in (ROOT / ".env.example").read_text()

    def test_whatever_must_be_trusted_first_is_explained(self) -> None:
        shown = (ROOT / ".env.example").read_text()
        fields = {
            name.upper()
            for service in SERVICES
            for name in import_module(f"services.{service}.settings").Settings.model_fields
            if name.startswith("trusted_") and name.endswith("_hosts")
        }
        assert len(fields) == 4
        assert all(f"#{name}=" in shown for name in fields)

    def test_the_chat_model_of_the_operator_wins(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LOCAL_CHAT", "llm")
        assert plan_chat(load_settings(), tmp_path) is ChatPlan.FIRST
        monkeypatch.setenv("GEMINI_API_KEY", "k")
        assert plan_chat(load_settings(), tmp_path) is ChatPlan.NONE


class TestSecrets:
    def test_are_made_once_and_for_their_owner_alone(self, tmp_path: Path) -> None:
        first = load_secrets(tmp_path / "secrets")
        assert load_secrets(tmp_path / "secrets") == first
        assert all(file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "secrets").iterdir())
        jwks = json.loads((tmp_path / "secrets" / "jwks.json").read_text())
        assert [key["kid"] for key in jwks["keys"]] == list(SERVICES)
        assert not any("d" in key for key in jwks["keys"])

    def test_a_damaged_file_is_not_replaced(self, tmp_path: Path) -> None:
        load_secrets(tmp_path)
        path = tmp_path / "secrets.json"
        path.write_text(path.read_text()[:40])
        with pytest.raises(OpsError, match="is damaged"):
            load_secrets(tmp_path)


class TestPorts:
    def test_stay_the_same_while_they_are_free(self, tmp_path: Path) -> None:
        first = choose_ports(["a", "b"], home=tmp_path, previous={})
        assert choose_ports(["b", "a", "c"], home=tmp_path, previous=first).items() >= first.items()
        assert all(is_free(port) for port in first.values())

    def test_a_taken_gateway_port_gets_one_sentence(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(OpsError, match=rf"Port {port} is taken by another program"):
                check_gateway_port(port, host="127.0.0.1")
        check_gateway_port(free_port(), host="127.0.0.1")


class TestUrls:
    def test_logins_are_replaced_and_quoted(self) -> None:
        url = login_url(OWNER, role="a role", password="p@ss/word")
        assert url == "postgresql://a%20role:p%40ss%2Fword@db.example:5433/my-shop?sslmode=require"

    def test_role_names_begin_with_the_database(self) -> None:
        assert role_prefix(OWNER) == "my_shop"
        assert role_prefix("postgresql://only_user@host") == "only_user"

    @pytest.mark.parametrize("service", SERVICES)
    def test_every_history_has_one_newest_revision(self, service: str) -> None:
        assert heads_of(service) is not None
