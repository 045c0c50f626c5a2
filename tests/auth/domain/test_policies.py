"""Whom a company's policy makes set up a second factor."""

import pytest

from services.auth.domain.policies import MfaPolicy, Policy, must_enroll
from services.auth.domain.sessions import Method


@pytest.mark.parametrize("method", [Method.PASSWORD, Method.SECOND_FACTOR, Method.PASSKEY])
def test_however_they_came_in_here(method: Method) -> None:
    policy = Policy(mfa=MfaPolicy.REQUIRED_ALL)

    assert must_enroll(policy, role="user", enrolled=False, method=method)
    assert not must_enroll(policy, role="user", enrolled=True, method=method)


def test_not_whom_another_identity_provider_vouches_for() -> None:
    policy = Policy(mfa=MfaPolicy.REQUIRED_ALL)

    assert not must_enroll(policy, role="admin", enrolled=False, method=None)
