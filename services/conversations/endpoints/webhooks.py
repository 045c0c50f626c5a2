"""Webhooks: where a company hears of messages, hand-offs, ratings and leads."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from libs.common.http import JsonResponse, caller_with, errors, pagination
from libs.common.security import Caller, Scope
from services.conversations.domain.errors import (
    DeliveryNotFound,
    DeliveryUnderWay,
    TooManyWebhooks,
    WebhookNotFound,
    WebhookSecretChanged,
    WebhookUrlRefused,
)
from services.conversations.endpoints.access import PageNumber, PerPage, wiring_of
from services.conversations.schemas.webhooks import (
    DeliveryStatus,
    WebhookIn,
    WebhookPatch,
    delivery_shape,
    webhook_shape,
    webhooks_shape,
)
from services.conversations.use_cases.webhooks import Webhooks

router = APIRouter(prefix="/api/v1/webhook", tags=["webhooks"])

Reading = Annotated[Caller, Depends(caller_with(Scope.CONFIG_READ))]
Writing = Annotated[Caller, Depends(caller_with(Scope.CONFIG_WRITE))]
Updating = Annotated[Caller, Depends(caller_with(Scope.CONFIG_UPDATE))]
Deleting = Annotated[Caller, Depends(caller_with(Scope.CONFIG_DELETE))]


async def _webhook_use_cases(request: Request) -> Webhooks:
    return wiring_of(request).webhooks


Use = Annotated[Webhooks, Depends(_webhook_use_cases)]


@router.get("")
async def list_webhooks(use: Use, caller: Reading) -> Response:
    """List the company's webhooks."""
    return JsonResponse(webhooks_shape(await use.all(caller.tenant_id)))


@router.post("", status_code=201, responses=errors(WebhookUrlRefused, TooManyWebhooks))
async def create_webhook(body: WebhookIn, use: Use, caller: Writing) -> Response:
    """Add a webhook; its secret, by which it knows us, is shown this once."""
    webhook, secret = await use.create(caller.tenant_id, body.model_dump(), by=caller.user_id)
    shown = {"success": True, "webhook": webhook_shape(webhook), "secret": secret}
    return JsonResponse(shown, status_code=201)


@router.get("/{webhook_id}", responses=errors(WebhookNotFound))
async def get_webhook(webhook_id: UUID, use: Use, caller: Reading) -> Response:
    """Show a webhook."""
    webhook = await use.show(caller.tenant_id, webhook_id)
    return JsonResponse({"success": True, "webhook": webhook_shape(webhook)})


@router.patch("/{webhook_id}", responses=errors(WebhookNotFound, WebhookUrlRefused))
async def update_webhook(
    webhook_id: UUID, body: WebhookPatch, use: Use, caller: Updating
) -> Response:
    """Change a webhook; what is left out stays as it is."""
    webhook = await use.update(caller.tenant_id, webhook_id, body.changes(), by=caller.user_id)
    return JsonResponse({"success": True, "webhook": webhook_shape(webhook)})


@router.delete("/{webhook_id}", responses=errors(WebhookNotFound))
async def delete_webhook(webhook_id: UUID, use: Use, caller: Deleting) -> Response:
    """Delete a webhook with its log; what waits to be delivered is not."""
    await use.delete(caller.tenant_id, webhook_id, by=caller.user_id)
    return JsonResponse({"message": "The webhook was deleted.", "webhook_id": webhook_id})


@router.post("/{webhook_id}/secret", responses=errors(WebhookNotFound, WebhookSecretChanged))
async def rotate_webhook_secret(webhook_id: UUID, use: Use, caller: Updating) -> Response:
    """Make a new secret, shown this once; for a day the old one signs, too."""
    secret = await use.rotate(caller.tenant_id, webhook_id, by=caller.user_id)
    return JsonResponse({"success": True, "webhook_id": webhook_id, "secret": secret})


@router.post("/{webhook_id}/test", status_code=202, responses=errors(WebhookNotFound))
async def test_webhook(webhook_id: UUID, use: Use, caller: Updating) -> Response:
    """Have `webhook.test` delivered once; how that went stands in the log."""
    delivery = await use.test(caller.tenant_id, webhook_id)
    shown = {"success": True, "delivery": delivery_shape(delivery)}
    return JsonResponse(shown, status_code=202)


@router.get("/{webhook_id}/delivery", responses=errors(WebhookNotFound))
async def list_webhook_deliveries(
    webhook_id: UUID,
    use: Use,
    caller: Reading,
    *,
    page: PageNumber = 1,
    per_page: PerPage = 20,
    status: DeliveryStatus | None = None,
) -> Response:
    """List what a webhook was told within the last month, newest first."""
    found, total = await use.deliveries(
        caller.tenant_id, webhook_id, status=status, page=page, per_page=per_page
    )
    return JsonResponse(
        {
            "success": True,
            "deliveries": [delivery_shape(one) for one in found],
            "pagination": pagination(page=page, per_page=per_page, total=total).model_dump(),
        }
    )


@router.post(
    "/{webhook_id}/delivery/{delivery_id}/redeliver",
    status_code=202,
    responses=errors(WebhookNotFound, DeliveryNotFound, DeliveryUnderWay),
)
async def redeliver_webhook(
    webhook_id: UUID, delivery_id: UUID, use: Use, caller: Updating
) -> Response:
    """Deliver an event again, under the same id, with new attempts."""
    delivery = await use.redeliver(caller.tenant_id, webhook_id, delivery_id)
    shown = {"success": True, "delivery": delivery_shape(delivery)}
    return JsonResponse(shown, status_code=202)
