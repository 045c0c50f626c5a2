"""What is wrong with the environment is said in words that its writer can act on."""

from typing import Any, ClassVar

import pytest

from libs.common.process import load_settings
from libs.common.root_keys import LocalRootKey
from libs.common.settings import ServiceSettings

GOOD = {
    "PRIMARY_DB_URL": "postgresql://a@b/c",
    "REDIS_URL": "redis://localhost",
    "MASTER_ENCRYPTION_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "SERVICE_KEY": "pem",
    "SERVICE_JWKS": "{}",
}


class SampleSettings(ServiceSettings):
    """The settings of a service."""

    service: ClassVar[str] = "sample"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with which a service starts."""
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("abc", 'RATE_LIMITS: write JSON such as {"upload": "20/60"}'),
        ("[1]", 'RATE_LIMITS: write JSON such as {"upload": "20/60"}'),
        ('{"upload": 20}', 'RATE_LIMITS: write JSON such as {"upload": "20/60"}'),
        ('{"upload": "many"}', "RATE_LIMITS: 'many' is not a rate"),
        ('{"uploads": "1/60"}', "RATE_LIMITS: there is no class 'uploads'"),
    ],
)
def test_bad_rate_limits_are_one_clear_sentence(
    environment: pytest.MonkeyPatch, value: str, sentence: str
) -> None:
    environment.setenv("RATE_LIMITS", value)

    with pytest.raises(SystemExit) as stopped:
        load_settings(SampleSettings)

    lines: Any = str(stopped.value).splitlines()
    assert len(lines) == 2
    assert lines[1].strip().startswith(sentence)


def test_good_rate_limits_are_read(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("RATE_LIMITS", '{"upload": "20/60"}')

    assert load_settings(SampleSettings).rate_limits == {"upload": "20/60"}


def test_root_keys_that_only_open_are_read(environment: pytest.MonkeyPatch) -> None:
    assert load_settings(SampleSettings).root_keys_also == []
    environment.setenv("MASTER_ENCRYPTION_KEYS_ALSO", f"{GOOD['MASTER_ENCRYPTION_KEY']}, ")

    assert load_settings(SampleSettings).root_keys_also == [LocalRootKey(bytes(32))]

    environment.setenv("MASTER_ENCRYPTION_KEYS_ALSO", "short")
    with pytest.raises(SystemExit, match="MASTER_ENCRYPTION_KEYS_ALSO must be base64 of 32"):
        load_settings(SampleSettings)
