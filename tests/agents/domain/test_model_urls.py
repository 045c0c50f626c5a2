"""Where a tenant's models may be."""

import pytest

from services.agents.domain.errors import UnsafeModelUrl
from services.agents.domain.model_urls import ModelUrlPolicy, same_endpoint

PRODUCTION = ModelUrlPolicy(allow_private=False, trusted_hosts=frozenset({"vllm.internal"}))
LOCAL = ModelUrlPolicy(allow_private=True)


class TestCheck:
    @pytest.mark.parametrize(
        "url",
        [
            "ftp://models.example/v1",
            "https://",
            "https://user:secret@models.example/v1",
            "https://models.example/v1?key=1",
            "https://models.example/v1#x",
            "https://models.example:99999/v1",
            "https://[::1/v1",
            "http://2130706433/v1",
            "http://0x7f.0.0.1/v1",
            "http://127.1/v1",
            "http://127\u30020\u30020\u30021/v1",
            "http://169\uff0e254\uff0e169\uff0e254/v1",
            "http://2130706433\u3002/v1",
            "http://\u24db\u24de\u24d2\u24d0\u24dbhost/v1",
            "http://127.0.0%2e1/v1",
            "file:///etc/passwd",
        ],
    )
    @pytest.mark.parametrize("policy", [PRODUCTION, LOCAL])
    def test_refuses_what_is_no_plain_base_url(self, policy: ModelUrlPolicy, url: str) -> None:
        with pytest.raises(UnsafeModelUrl):
            policy.check(url, with_key=False)

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1:11434/v1",
            "http://localhost/v1",
            "http://LOCALHOST./v1",
            "http://a.localhost/v1",
            "https://10.0.0.8/v1",
            "https://192.168.1.1/v1",
            "https://[::1]/v1",
            "https://[::ffff:127.0.0.1]/v1",
            "https://[64:ff9b::7f00:1]/v1",
            "https://[fd00::1]/v1",
            "https://100.64.0.1/v1",
            "https://169.254.169.254/latest",
            "https://224.0.0.1/v1",
            "https://0.0.0.0/v1",
        ],
    )
    def test_keeps_tenants_out_of_the_operators_network(self, url: str) -> None:
        with pytest.raises(UnsafeModelUrl):
            PRODUCTION.check(url, with_key=False)

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:11434/v1", "http://localhost:1/v1", "http://10.0.0.8/v1"]
    )
    def test_lets_a_developers_machine_call_its_neighbours(self, url: str) -> None:
        assert LOCAL.check(url, with_key=False) == url

    @pytest.mark.parametrize("url", ["http://169.254.169.254/v1", "http://[fe80::1]/v1"])
    def test_never_reaches_metadata_services(self, url: str) -> None:
        with pytest.raises(UnsafeModelUrl):
            LOCAL.check(url, with_key=False)

    def test_sends_no_key_in_the_clear(self) -> None:
        assert LOCAL.check("http://127.0.0.1/v1", with_key=True)
        assert PRODUCTION.check("https://models.example/v1/", with_key=True).endswith("/v1")
        for policy in (LOCAL, PRODUCTION):
            with pytest.raises(UnsafeModelUrl):
                policy.check("http://models.example/v1", with_key=True)

    def test_trusts_the_operators_word(self) -> None:
        assert PRODUCTION.check("http://VLLM.internal:8000/v1", with_key=True)


class TestSameEndpoint:
    def test_forgives_case_of_the_host_and_a_trailing_slash(self) -> None:
        assert same_endpoint("https://API.example/v1/", "https://api.example/v1")
        assert same_endpoint(None, None)

    @pytest.mark.parametrize(
        "other",
        [None, "http://api.example/v1", "https://api.example/v2", "https://api.example.evil/v1"],
    )
    def test_minds_everything_else(self, other: str | None) -> None:
        assert not same_endpoint("https://api.example/v1", other)
