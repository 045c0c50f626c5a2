"""Invitations, one-time tokens, second factors, passkeys, policies and attempt budgets."""

from alembic import op

from libs.common.database.migrations import define_lookup, protect, refuse_downgrade

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE users
    ADD COLUMN password_reset_required boolean NOT NULL DEFAULT false;

ALTER TABLE sessions
    ADD COLUMN device text,
    ADD COLUMN method text,
    ADD COLUMN proven_at timestamptz,
    ADD COLUMN impersonator_id uuid;

CREATE TABLE invitations (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    role text NOT NULL,
    invited_by uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT pk_invitations PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_invitations_tenant_id_invited_by_users
        FOREIGN KEY (tenant_id, invited_by) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT ck_invitations_role CHECK (role IN ('admin', 'user'))
);
CREATE UNIQUE INDEX uq_invitations_open ON invitations (tenant_id, email_key)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX ix_invitations_expires_at ON invitations (expires_at);

-- Hashes of random bits, unique in the platform, since the client sends nothing but the token.
CREATE TABLE one_time_tokens (
    tenant_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    purpose text NOT NULL,
    user_id uuid,
    invitation_id uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT pk_one_time_tokens PRIMARY KEY (tenant_id, token_hash),
    CONSTRAINT uq_one_time_tokens_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_one_time_tokens_tenant_id_user_id_users
        FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT fk_one_time_tokens_tenant_id_invitation_id_invitations
        FOREIGN KEY (tenant_id, invitation_id) REFERENCES invitations ON DELETE CASCADE,
    CONSTRAINT ck_one_time_tokens_purpose
        CHECK (purpose IN ('verify_email', 'reset_password', 'invitation')),
    CONSTRAINT ck_one_time_tokens_subject
        CHECK ((purpose = 'invitation') = (invitation_id IS NOT NULL)
               AND (purpose = 'invitation') = (user_id IS NULL))
);
CREATE INDEX ix_one_time_tokens_tenant_id_user_id ON one_time_tokens (tenant_id, user_id);
CREATE INDEX ix_one_time_tokens_expires_at ON one_time_tokens (expires_at);

CREATE TABLE security_policies (
    tenant_id uuid NOT NULL,
    mfa text NOT NULL,
    step_up_for_api_keys boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_security_policies PRIMARY KEY (tenant_id),
    CONSTRAINT fk_security_policies_tenant_id_tenants
        FOREIGN KEY (tenant_id) REFERENCES tenants,
    CONSTRAINT ck_security_policies_mfa
        CHECK (mfa IN ('off', 'optional', 'required_admins', 'required_all'))
);

CREATE TABLE totp_devices (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    last_step bigint NOT NULL DEFAULT 0,
    CONSTRAINT pk_totp_devices PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT fk_totp_devices_tenant_id_user_id_users
        FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);

CREATE TABLE recovery_codes (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    code_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT pk_recovery_codes PRIMARY KEY (tenant_id, user_id, code_hash),
    CONSTRAINT fk_recovery_codes_tenant_id_user_id_users
        FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);

-- An authenticator names its credential by random bits of its own, before anybody is known.
CREATE TABLE passkeys (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    credential_id bytea NOT NULL,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT pk_passkeys PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_passkeys_credential_id UNIQUE (credential_id),
    CONSTRAINT fk_passkeys_tenant_id_user_id_users
        FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX ix_passkeys_tenant_id_user_id ON passkeys (tenant_id, user_id);

-- Something begun that a second request ends. Without a user: a login by passkey alone.
CREATE TABLE challenges (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid,
    purpose text NOT NULL,
    token_hash bytea NOT NULL,
    nonce bytea NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT pk_challenges PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_challenges_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_challenges_tenant_id_user_id_users
        FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT ck_challenges_purpose
        CHECK (purpose IN ('second_factor', 'passkey_login', 'passkey_new', 'step_up'))
);
CREATE INDEX ix_challenges_expires_at ON challenges (expires_at);
CREATE INDEX ix_challenges_tenant_id_user_id ON challenges (tenant_id, user_id);

-- Where attempts are counted while Redis is away. The rows are the platform's own.
CREATE TABLE attempt_budgets (
    tenant_id uuid NOT NULL,
    key text NOT NULL,
    full_at timestamptz NOT NULL,
    CONSTRAINT pk_attempt_budgets PRIMARY KEY (tenant_id, key)
);
CREATE INDEX ix_attempt_budgets_full_at ON attempt_budgets (full_at);
"""


def upgrade() -> None:
    """Create the tables, their protection, and the look-ups for when no tenant is known."""
    for statement in TABLES.split(";"):
        if statement.strip():
            op.execute(statement)

    protect("invitations", cross_tenant=True)
    protect("one_time_tokens", cross_tenant=True)
    protect("security_policies")
    protect("totp_devices")
    protect("recovery_codes")
    protect("passkeys")
    protect("challenges", cross_tenant=True)
    protect("attempt_budgets", cross_tenant=True)

    define_lookup(
        "one_time_token_by_hash",
        "p_token_hash bytea",
        returns="TABLE (tenant_id uuid)",
        body="SELECT o.tenant_id FROM one_time_tokens o WHERE o.token_hash = p_token_hash",
    )
    define_lookup(
        "challenge_by_hash",
        "p_token_hash bytea",
        returns="TABLE (tenant_id uuid, challenge_id uuid)",
        body="SELECT c.tenant_id, c.id FROM challenges c WHERE c.token_hash = p_token_hash",
    )
    define_lookup(
        "passkey_by_credential",
        "p_credential_id bytea",
        returns="TABLE (tenant_id uuid, passkey_id uuid)",
        body="SELECT p.tenant_id, p.id FROM passkeys p WHERE p.credential_id = p_credential_id",
    )
    # For super admins alone: everybody else names users of their own company.
    define_lookup(
        "tenant_of_user",
        "p_user_id uuid",
        returns="TABLE (tenant_id uuid)",
        body="SELECT u.tenant_id FROM users u WHERE u.id = p_user_id",
    )


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(loses="people's second factors and passkeys, invitations and policies")
