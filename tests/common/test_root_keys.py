"""Root keys of every kind, under one suite; KMS is moto's server, Vault one of our own."""

import base64
import socket
from collections.abc import AsyncIterator, Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from libs.common.crypto import KeyRing
from libs.common.ids import new_id
from libs.common.process import load_settings
from libs.common.rekey import Progress, Rekey
from libs.common.root_keys import (
    DecryptionFailed,
    LocalRootKey,
    RootKey,
    RootKeyUnavailable,
    read_root_key,
)
from libs.common.settings import ServiceSettings
from tests.common.vault import Vault, running_vault
from tests.conftest import OpenDatabase

KEY, PLACE, OTHER = bytes(range(32)), b"a place", b"another place"
SERVICE = "sample"


@pytest.fixture(scope="module")
def kms_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def kms(kms_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a key in KMS, by its alias; `…-two` is that of another."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "only-for")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
    client = boto3.client("kms", region_name="eu-central-1", endpoint_url=kms_endpoint)
    name = f"alias/{new_id().hex}"
    for alias in (name, f"{name}-two"):
        made = client.create_key()["KeyMetadata"]["KeyId"]
        client.create_alias(AliasName=alias, TargetKeyId=made)
    return f"aws-kms://{name}?region=eu-central-1&endpoint={kms_endpoint}"


@pytest.fixture
async def vault(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Vault]:
    async with running_vault() as running:
        for name in ("knowrithm-sample", "two"):
            running.create(name)
        monkeypatch.setenv("VAULT_TOKEN", running.token)
        monkeypatch.delenv("VAULT_TOKEN_FILE", raising=False)
        yield running


def vault_root(vault: Vault, name: str = "knowrithm-{service}") -> RootKey:
    return read_root_key(f"vault+http://{vault.address}/transit/{name}", service=SERVICE)


@pytest.fixture(params=["local", "kms", "vault"])
def roots(request: pytest.FixtureRequest) -> tuple[RootKey, RootKey]:
    """Two different root keys of one kind."""
    if request.param == "local":
        return LocalRootKey(b"o" * 32), LocalRootKey(b"n" * 32)
    if request.param == "kms":
        url: str = request.getfixturevalue("kms")
        return (
            read_root_key(url, service=SERVICE),
            read_root_key(url.replace("?", "-two?"), service=SERVICE),
        )
    vault: Vault = request.getfixturevalue("vault")
    return vault_root(vault), vault_root(vault, "two")


class TestEveryKind:
    async def test_opens_what_it_wrapped_and_shows_nothing_of_it(
        self, roots: tuple[RootKey, RootKey]
    ) -> None:
        root, _ = roots
        await root.check()

        wrapped = await root.wrap(KEY, PLACE)

        assert await root.unwrap(wrapped, PLACE) == KEY
        assert KEY not in wrapped
        assert base64.b64encode(KEY) not in wrapped
        assert await root.wrap(KEY, PLACE) != wrapped
        assert await root.is_newest(wrapped)

    async def test_opens_nothing_of_another_place_or_key(
        self, roots: tuple[RootKey, RootKey]
    ) -> None:
        root, other = roots
        wrapped = await root.wrap(KEY, PLACE)

        with pytest.raises(DecryptionFailed):
            await root.unwrap(wrapped, OTHER)
        # KMS itself says IncorrectKeyException, moto that access is denied.
        with pytest.raises((DecryptionFailed, RootKeyUnavailable)):
            await other.unwrap(wrapped, PLACE)
        with pytest.raises(DecryptionFailed):
            await root.unwrap(wrapped[:-1] + bytes([wrapped[-1] ^ 1]), PLACE)

    async def test_moves_tenants_over_and_back(
        self, roots: tuple[RootKey, RootKey], open_fresh_database: OpenDatabase
    ) -> None:
        database = await open_fresh_database("sample")
        acme = new_id()
        before, after = LocalRootKey(b"b" * 32), roots[0]
        cipher = await KeyRing(before, database).cipher(acme, "names")
        sealed = cipher.encrypt(b"secret", table="t", column="c", row="1")

        for new, old in ((after, before), (before, after)):
            # Both know both while they change over.
            both = KeyRing(new, database, also=[old])
            opened = await both.cipher(acme, "names")
            assert opened.decrypt(sealed, table="t", column="c", row="1") == b"secret"
            assert await Rekey(database, both, ()).rewrap(Progress()) == 1
            assert await Rekey(database, both, ()).rewrap(Progress()) == 0
            alone = await KeyRing(new, database).cipher(acme, "names")
            assert alone.decrypt(sealed, table="t", column="c", row="1") == b"secret"
            with pytest.raises(DecryptionFailed):
                await KeyRing(old, database).cipher(acme, "names")


class TestVault:
    async def test_a_rotated_key_wraps_anew(
        self, vault: Vault, open_fresh_database: OpenDatabase
    ) -> None:
        database = await open_fresh_database("sample")
        ring = KeyRing(vault_root(vault), database)
        acme = new_id()
        await ring.cipher(acme, "names")

        vault.create("knowrithm-sample")

        assert await Rekey(database, ring, ()).rewrap(Progress()) == 1
        assert await Rekey(database, ring, ()).rewrap(Progress()) == 0
        vault.keys["knowrithm-sample"][0] = bytes(32)
        await KeyRing(vault_root(vault), database).cipher(acme, "names")

    async def test_is_asked_once_a_process_and_tenant(
        self, vault: Vault, open_fresh_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        database = await open_fresh_database("sample")
        acme = new_id()
        await KeyRing(vault_root(vault), database).cipher(acme, "names")
        monkeypatch.setattr("libs.common.crypto.KEYS_FRESH_SECONDS", 0.0)
        ring = KeyRing(vault_root(vault), database)
        before = vault.requests

        for purpose in ("names", "files", "names"):
            await ring.cipher(acme, purpose)

        assert vault.requests == before + 1
        # What is known goes on working while it is sealed; what is not says so.
        vault.sealed = True
        await ring.cipher(acme, "names")
        with pytest.raises(RootKeyUnavailable):
            await ring.cipher(new_id(), "names")

    async def test_says_what_is_wrong(
        self, vault: Vault, monkeypatch: pytest.MonkeyPatch, tmp_path: object
    ) -> None:
        with pytest.raises(RootKeyUnavailable) as missing:
            await vault_root(vault, "unknown").check()
        assert "key unknown of transit: " in missing.value.reason
        monkeypatch.setenv("VAULT_TOKEN", "wrong")
        with pytest.raises(RootKeyUnavailable) as refused:
            await vault_root(vault).check()
        assert "permission denied" in refused.value.reason
        # Callers are told none of it.
        assert "denied" not in refused.value.message
        monkeypatch.delenv("VAULT_TOKEN")
        with pytest.raises(RootKeyUnavailable) as unset:
            await vault_root(vault).check()
        assert "set VAULT_TOKEN or VAULT_TOKEN_FILE" in unset.value.reason
        vault.sealed = True

    async def test_reads_a_renewed_token(
        self,
        vault: Vault,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> None:
        file = tmp_path_factory.mktemp("vault") / "token"
        monkeypatch.setenv("VAULT_TOKEN_FILE", str(file))
        file.write_text("old\n")
        root = vault_root(vault)
        with pytest.raises(RootKeyUnavailable):
            await root.check()

        file.write_text(f"{vault.token}\n")

        await root.check()


class TestKms:
    async def test_binds_keys_to_the_service(self, kms: str) -> None:
        wrapped = await read_root_key(kms, service="auth").wrap(KEY, PLACE)

        with pytest.raises(DecryptionFailed):
            await read_root_key(kms, service="agents").unwrap(wrapped, PLACE)

    async def test_says_what_is_wrong(self, kms: str) -> None:
        with pytest.raises(RootKeyUnavailable) as unknown:
            await read_root_key(kms.replace("alias/", "alias/un"), service=SERVICE).check()
        assert "NotFoundException" in unknown.value.reason
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        away = f"aws-kms://alias/x?region=eu-1&endpoint=http://127.0.0.1:{port}"
        with pytest.raises(RootKeyUnavailable) as gone:
            await read_root_key(away, service=SERVICE).check()
        assert "Could not connect" in gone.value.reason


class TestReading:
    @pytest.mark.parametrize(
        "text",
        [
            "short",
            "",
            "https://vault.example.com/transit/x",
            "vault://vault.example.com/x",
            "vault://hvs.token@vault.example.com/transit/x",
            "aws-kms://",
            "aws-kms://alias/x?regoin=eu-central-1",
        ],
    )
    def test_refuses_what_is_no_root_key(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"must be|write"):
            read_root_key(text, service=SERVICE)

    def test_an_arn_keeps_its_colons(self) -> None:
        arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        assert getattr(read_root_key(f"aws-kms://{arn}", service="x"), "key_id", None) == arn


class SampleSettings(ServiceSettings):
    """The settings of a service that has none of its own."""

    service = SERVICE


def test_a_root_key_out_of_reach_is_one_clear_sentence_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PRIMARY_DB_URL", "postgresql://x@y/z")
    monkeypatch.setenv("REDIS_URL", "redis://y")
    monkeypatch.setenv("SERVICE_KEY", "x")
    monkeypatch.setenv("SERVICE_JWKS", "{}")
    monkeypatch.setenv("MASTER_ENCRYPTION_KEY", "vault+http://127.0.0.1:9/transit/x")
    monkeypatch.setenv("VAULT_TOKEN", "t")

    with pytest.raises(SystemExit) as stopped:
        load_settings(SampleSettings)

    lines = str(stopped.value).splitlines()
    assert len(lines) == 2
    assert "the root key cannot be used: Vault at http://127.0.0.1:9" in lines[1]
