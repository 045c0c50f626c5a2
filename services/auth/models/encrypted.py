"""Which columns are encrypted, for `python -m ops keys rotate`."""

from typing import Final

from libs.common.rekey import EncryptedColumn

ENCRYPTED: Final = (
    EncryptedColumn(table="users", column="email_sealed", purpose="people"),
    EncryptedColumn(table="invitations", column="email_sealed", purpose="people"),
    EncryptedColumn(
        table="platform_secrets", column="sealed", purpose="platform-secrets", row="name"
    ),
    EncryptedColumn(table="signing_keys", column="private_key", purpose="signing-keys"),
    EncryptedColumn(
        table="refresh_tokens",
        column="successor",
        purpose="refresh-tokens",
        row="encode(token_hash, 'hex')",
    ),
    EncryptedColumn(
        table="totp_devices", column="secret", purpose="second-factors", row="user_id::text"
    ),
    EncryptedColumn(table="config_values", column="sealed", purpose="config", row="key"),
    EncryptedColumn(table="addresses", column="sealed", purpose="addresses"),
    EncryptedColumn(table="sso_connections", column="client_secret", purpose="sso"),
    EncryptedColumn(
        table="sso_logins",
        column="sealed",
        purpose="sso",
        row="encode(state_hash, 'hex')",
    ),
)
