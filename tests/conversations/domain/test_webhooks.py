"""The signature of webhooks, and how long they are tried."""

from datetime import UTC, datetime

import pytest

from services.conversations.domain.webhooks import MAX_TRIES, new_secret, pause_after, signed


class TestSigned:
    def test_is_as_the_specification_signs(self) -> None:
        # The example of the reference libraries (github.com/standard-webhooks/standard-webhooks).
        headers = signed(
            b'{"test": 2432232314}',
            message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
            at=datetime.fromtimestamp(1614265330, UTC),
            with_secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        )
        assert headers == {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        }

    def test_has_a_signature_for_each_secret(self) -> None:
        secrets = [new_secret(), new_secret()]
        now = datetime.now(UTC)
        both = signed(b"{}", message_id="m", at=now, with_secrets=secrets)
        each = [signed(b"{}", message_id="m", at=now, with_secrets=[one]) for one in secrets]
        parts = [one["webhook-signature"] for one in each]
        assert both["webhook-signature"] == " ".join(parts)
        assert parts[0] != parts[1]


class TestPause:
    def test_grows_to_a_day_in_all_and_ends(self) -> None:
        pauses = [pause_after(tries) for tries in range(1, MAX_TRIES)]
        seconds = [one.total_seconds() for one in pauses if one is not None]
        assert len(seconds) == MAX_TRIES - 1
        assert seconds == sorted(seconds)
        assert sum(seconds) == pytest.approx(24.7 * 3600, rel=0.1)
        assert pause_after(MAX_TRIES) is None
