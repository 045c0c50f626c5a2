"""The shapes of second factors, passkeys and the policy about them."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, model_validator

from services.auth.domain.accounts import MAX_PASSWORD_CHARACTERS
from services.auth.domain.policies import MfaPolicy, Policy
from services.auth.domain.second_factors import Proof
from services.auth.domain.tokens import CHALLENGE_LIFETIME
from services.auth.models.second_factors import Passkey
from services.auth.schemas.passwords import Token
from services.auth.use_cases.check_second_factor import Demand
from services.auth.use_cases.set_policy import MfaState

Code = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9]{3} ?[0-9]{3}$")]
RecoveryCode = Annotated[str, StringConstraints(strip_whitespace=True, min_length=8, max_length=40)]
# What a browser's `PublicKeyCredential.toJSON()` gives; attestations are a few kilobytes.
Credential = Annotated[dict[str, Any], Field(max_length=20)]


class CodeIn(BaseModel):
    """Six digits from an authenticator app."""

    code: Code


class ProofIn(BaseModel):
    """A second factor: exactly one of the three."""

    code: Code | None = None
    recovery_code: RecoveryCode | None = None
    passkey: Credential | None = None

    def proof(self) -> Proof:
        """Return it in the domain's words."""
        return Proof(code=self.code, recovery_code=self.recovery_code, passkey=self.passkey)


def _given(body: ProofIn) -> int:
    return sum(value is not None for value in (body.code, body.recovery_code, body.passkey))


class LoginProofIn(ProofIn):
    """The second step of a login."""

    mfa_token: Token

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if _given(self) != 1:
            raise ValueError("Give one of code, recovery_code and passkey.")
        return self


class StepUpIn(ProofIn):
    """A second factor, or the password of somebody who has none."""

    password: Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD_CHARACTERS)] | None = None
    challenge_token: Token | None = Field(default=None, description="With a passkey.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if _given(self) + (self.password is not None) != 1:
            raise ValueError("Give one of code, recovery_code, passkey and password.")
        return self


class PasskeyLoginIn(BaseModel):
    """A signed login."""

    challenge_token: Token
    passkey: Credential


class NewPasskeyIn(BaseModel):
    """What an authenticator made."""

    challenge_token: Token
    credential: Credential
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] = (
        "Passkey"
    )


class DemandReply(BaseModel):
    """What may be shown, and what a browser needs to show a passkey."""

    challenge_token: str
    methods: list[str]
    passkey_options: dict[str, Any] | None
    expires_in: int = Field(default=int(CHALLENGE_LIFETIME.total_seconds()), description="Seconds.")

    @classmethod
    def of(cls, demand: Demand) -> Self:
        """Show a demand."""
        return cls(
            challenge_token=demand.token,
            methods=list(demand.methods),
            passkey_options=demand.passkey_options,
        )


class MfaDemandedReply(BaseModel):
    """A login that is half done: the password was right."""

    message: str = "A second factor is needed."
    mfa_required: bool = True
    mfa_token: str = Field(description="For POST /api/v1/auth/login/mfa, and nothing else.")
    methods: list[str]
    passkey_options: dict[str, Any] | None
    expires_in: int = Field(default=int(CHALLENGE_LIFETIME.total_seconds()), description="Seconds.")

    @classmethod
    def of(cls, demand: Demand) -> Self:
        """Show a demand."""
        return cls(
            mfa_token=demand.token,
            methods=list(demand.methods),
            passkey_options=demand.passkey_options,
        )


class TotpReply(BaseModel):
    """A secret for an authenticator app, in every form that it can be taken over in."""

    message: str = "Scan the code, then confirm with the first six digits."
    secret: str
    provisioning_uri: str
    qr_svg: str
    qr_png: str = Field(description="Base64.")


class RecoveryCodesReply(BaseModel):
    """Recovery codes, shown this once; empty when the earlier ones stay good."""

    message: str
    recovery_codes: list[str]


class PasskeyOut(BaseModel):
    """A passkey, by the name its owner gave it."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, passkey: Passkey) -> Self:
        """Show a passkey."""
        return cls(
            id=passkey.id,
            name=passkey.name,
            created_at=passkey.created_at,
            last_used_at=passkey.last_used_at,
        )


class PasskeyReply(RecoveryCodesReply):
    """A new passkey."""

    passkey: PasskeyOut


class PasskeyListReply(BaseModel):
    """The caller's passkeys."""

    passkeys: list[PasskeyOut]


class PolicyIn(BaseModel):
    """What a company demands; what is left out stays."""

    mfa: MfaPolicy | None = None
    step_up_for_api_keys: bool | None = None


class PolicyReply(BaseModel):
    """What a company demands."""

    mfa: MfaPolicy
    step_up_for_api_keys: bool

    @classmethod
    def of(cls, policy: Policy) -> Self:
        """Show a policy."""
        return cls(mfa=policy.mfa, step_up_for_api_keys=policy.step_up_for_api_keys)


class MfaReply(BaseModel):
    """The caller's second factors."""

    policy: PolicyReply
    required: bool
    enabled: bool
    totp: bool
    passkeys: int
    recovery_codes_left: int

    @classmethod
    def of(cls, state: MfaState) -> Self:
        """Show how the caller stands."""
        return cls(
            policy=PolicyReply.of(state.policy),
            required=state.required,
            enabled=state.enabled,
            totp=state.totp,
            passkeys=state.passkeys,
            recovery_codes_left=state.recovery_codes_left,
        )
