"""Which columns are encrypted, for `python -m ops keys rotate`."""

from typing import Final

from libs.common.rekey import EncryptedColumn

LEADS_PURPOSE: Final = "leads"
SUMMARY_PURPOSE: Final = "conversation_summaries"
WEBHOOKS_PURPOSE: Final = "webhooks"

# Beside the replies that every service keeps for repeated requests.
ENCRYPTED: Final[tuple[EncryptedColumn, ...]] = (
    EncryptedColumn(table="conversation_summaries", column="summary", purpose=SUMMARY_PURPOSE),
    EncryptedColumn(table="leads", column="personal", purpose=LEADS_PURPOSE),
    EncryptedColumn(
        table="lead_index_keys", column="key", purpose=LEADS_PURPOSE, row="tenant_id::text"
    ),
    EncryptedColumn(table="webhooks", column="secret", purpose=WEBHOOKS_PURPOSE),
    EncryptedColumn(table="webhooks", column="previous_secret", purpose=WEBHOOKS_PURPOSE),
)
