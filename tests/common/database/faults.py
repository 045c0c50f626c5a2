"""What can be wrong with the isolation of a schema: one query a fault, each naming what it finds.

Every query reads the whole database, whichever schema a migration put something into.
"""

from typing import Final

# Of PostgreSQL itself, and of tests that look at the catalogue meanwhile.
_OURS: Final = "n.nspname NOT IN ('information_schema') AND n.nspname NOT LIKE 'pg\\_%'"
# What an extension brought along is no table of ours.
_NO_EXTENSIONS: Final = (
    "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = {oid} AND d.deptype = 'e')"
)
_TABLES: Final = (
    "c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version' AND "
    + _OURS
    + " AND "
    + _NO_EXTENSIONS.format(oid="c.oid")
)
# What policies say, without blanks, brackets and casts.
_OWN: Final = "$$tenant_id=SELECTNULLIFcurrent_setting'app.tenant_id',true,''::uuid$$"
_SHARED: Final = "$$tenant_id='00000000-0000-0000-0000-000000000000'::uuid$$"
_LOOKUP: Final = "$$SELECTcurrent_setting'app.lookup',true='on'$$"
_CROSS_TENANT: Final = "$$SELECTcurrent_setting'app.cross_tenant',true='on'$$"
_NAME: Final = "n.nspname || '.' || c.relname"

UNIQUE_IN_THE_PLATFORM: Final = {
    # Hashes of random bits: a client shows nothing but the token, before its tenant is known.
    "auth.uq_refresh_tokens_token_hash",
    "auth.uq_api_keys_key_hash",
    # As are links in mails, logins under way, and the names that authenticators give passkeys.
    "auth.uq_one_time_tokens_token_hash",
    "auth.uq_challenges_token_hash",
    "auth.uq_passkeys_credential_id",
    # Logins at a provider and those that wait to be fetched, and directories' tokens.
    "auth.uq_sso_logins_state_hash",
    "auth.uq_sso_handoffs_code_hash",
    "auth.uq_scim_tokens_token_hash",
    # A domain is one company's, and whoever names another's is told that it is taken.
    "auth.uq_email_domains_proven",
    # One address is one person, whichever company they work for; they log in by it alone.
    "auth.uq_users_email_key",
    "auth.uq_users_email_index",
}
"""Unique indexes without a tenant. They tell that something exists, so each needs a reason."""

FAULTS: Final[dict[str, str]] = {
    "table without row-level security, enabled and forced, and a policy": f"""
        SELECT {_NAME} FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_TABLES} AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
            SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname <> 'lookup'))
    """,
    "table without a tenant": f"""
        SELECT {_NAME} FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_TABLES} AND NOT EXISTS (
            SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'
            AND a.attnotnull AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped)
    """,
    "primary key that does not begin with the tenant": f"""
        SELECT {_NAME} FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
        WHERE {_TABLES} AND a.attname IS DISTINCT FROM 'tenant_id'
    """,
    # A foreign key on an id alone accepts another tenant's row.
    "foreign key without the tenant on both sides": f"""
        SELECT n.nspname || '.' || k.conname
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE k.contype = 'f' AND {_OURS} AND NOT EXISTS (
            SELECT FROM unnest(k.conkey, k.confkey) AS pair (own, referred)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.own
            JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = pair.referred
            WHERE a.attname = 'tenant_id' AND b.attname = 'tenant_id')
    """,
    # It tells one tenant that another has the same value.
    "unique index without the tenant": f"""
        SELECT n.nspname || '.' || x.relname FROM pg_index i
        JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE i.indisunique AND {_TABLES} AND NOT EXISTS (
            SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'
            AND a.attnum = ANY (i.indkey::smallint[]))
    """,
    "policy that says something else than the few that are known": f"""
        SELECT {_NAME} || '.' || p.polname
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (VALUES (pg_get_expr(p.polqual, p.polrelid)),
                                   (pg_get_expr(p.polwithcheck, p.polrelid))) AS e (expression)
        CROSS JOIN LATERAL regexp_replace(e.expression, '::text|AS "?\\w+"?|[() ]', '', 'g') AS said
        WHERE {_OURS} AND NOT CASE
            -- To everybody: one's own rows, and shared ones for reading only.
            WHEN p.polroles = '{{0}}' THEN said IN ({_OWN}, {_OWN} || 'ANDNOT' || {_SHARED})
                OR (p.polcmd = 'r' AND said = {_OWN} || 'OR' || {_SHARED})
            -- To the owner, in look-ups and migrations; to the worker, where it says so.
            WHEN p.polroles = ARRAY[c.relowner] THEN said = {_LOOKUP}
            ELSE said = {_CROSS_TENANT} AND NOT EXISTS (
                SELECT FROM unnest(p.polroles) AS role
                WHERE role::regrole::text NOT LIKE '%\\_' || n.nspname || '\\_worker')
        END
    """,
    "policy for writing without a check": f"""
        SELECT {_NAME} || '.' || p.polname
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS} AND p.polcmd IN ('*', 'w', 'a') AND p.polwithcheck IS NULL
    """,
    # A plain view reads with its owner's rights, and a materialised one has no policies at all.
    "view that reads for its owner": f"""
        SELECT {_NAME} FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS} AND {_NO_EXTENSIONS.format(oid="c.oid")} AND (c.relkind = 'm' OR
            (c.relkind = 'v' AND NOT coalesce(c.reloptions @> ARRAY['security_invoker=true'],
                                              false)))
    """,
    # Whoever may create things where it looks first decides what such a function does.
    "function for its owner's rights without a fixed search path": f"""
        SELECT n.nspname || '.' || p.proname
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE {_OURS} AND p.prosecdef AND NOT EXISTS (
            SELECT FROM unnest(p.proconfig) AS setting WHERE setting ~ '^search_path=.*pg_temp$')
    """,
    "function for its owner's rights that everybody may call": f"""
        SELECT n.nspname || '.' || p.proname
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE {_OURS} AND p.prosecdef AND has_function_privilege('public', p.oid, 'EXECUTE')
    """,
    # Emptying a table, and pointing a foreign key at it, ask no policy.
    "right that no policy limits": f"""
        SELECT {_NAME} || ': ' || g.privilege_type
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL aclexplode(c.relacl) AS g
        WHERE {_TABLES} AND g.grantee <> c.relowner
          AND (g.grantee = 0 OR g.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER',
                                                     'MAINTAIN') OR g.is_grantable)
    """,
    "schema in which others than its owner may create things": f"""
        SELECT n.nspname FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) AS g
        WHERE {_OURS} AND g.privilege_type = 'CREATE' AND g.grantee <> n.nspowner
          AND g.grantee <> 'pg_database_owner'::regrole
    """,
}
