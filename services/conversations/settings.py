"""What conversations reads from its environment."""

from typing import ClassVar

from pydantic import Field

from libs.common.outbound import OutboundPolicy
from libs.common.settings import CommaSeparated, ModelCallingSettings


class Settings(ModelCallingSettings):
    """The settings of conversations; which chat model answers is the agents service's to say."""

    service: ClassVar[str] = "conversations"

    answers_per_tenant: int = Field(
        default=8, ge=1, description="Answers of one tenant in the making; the rest wait in turn."
    )
    answer_concurrency: int = Field(
        default=512, ge=1, description="Answers that one worker process makes at the same time."
    )
    answer_lease_seconds: float = Field(
        default=8, gt=0, description="After how long a dead worker's answers are taken over."
    )
    answer_wait_seconds: float = Field(
        default=25, gt=0, description="How long `ask and wait` waits before it answers 202."
    )
    model_first_token_seconds: float = Field(
        default=60, gt=0, description="How long a chat model may think, and pause between tokens."
    )
    model_total_seconds: float = Field(
        default=180, gt=0, description="How long a chat model's whole answer may take."
    )
    deleted_conversation_days: int = Field(
        default=30, ge=1, description="After how many days deleted conversations are erased."
    )
    model_fallback_seconds: float = Field(
        default=15, gt=0, description="How long a model may think while another one stands by."
    )
    model_calls_per_provider: int = Field(
        default=256, ge=1, description="Calls of one process to one provider at the same time."
    )
    model_calls_per_agent: int = Field(
        default=64, ge=1, description="Calls of one process for one agent at the same time."
    )
    heartbeat_seconds: float = Field(
        default=10, gt=0, le=25, description="How often a silent stream shows that it is alive."
    )
    trusted_webhook_hosts: CommaSeparated = Field(
        default=[],
        description="Hosts that webhooks may name though they are private or plain http.",
    )

    @property
    def webhook_policy(self) -> OutboundPolicy:
        """Webhooks name any path and port, so what is trusted for models is not for them."""
        return OutboundPolicy(
            allow_private=self.outbound_policy.allow_private,
            trusted_hosts=frozenset(host.lower() for host in self.trusted_webhook_hosts),
        )
