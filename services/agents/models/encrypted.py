"""Which columns are encrypted, for `python -m ops keys rotate`."""

from typing import Final

from libs.common.rekey import EncryptedColumn

KEY_PURPOSE: Final = "provider_keys"

ENCRYPTED: Final = (
    EncryptedColumn(table="llm_settings", column="llm_api_key", purpose=KEY_PURPOSE),
    EncryptedColumn(table="llm_settings", column="embedding_api_key", purpose=KEY_PURPOSE),
    EncryptedColumn(table="agent_keys", column="sealed", purpose=KEY_PURPOSE),
)
