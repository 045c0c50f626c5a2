"""What answers have used up of budgets, and what is put aside for those in the making."""

from alembic import op

from libs.common.database.migrations import define_lookup, define_tenant_function, protect

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE budget_uses (
    tenant_id uuid NOT NULL,
    scope_id uuid NOT NULL,
    period text NOT NULL,
    unit text NOT NULL,
    starts_on date NOT NULL,
    spent bigint NOT NULL DEFAULT 0,
    reserved bigint NOT NULL DEFAULT 0,
    exhausted_at timestamptz,
    CONSTRAINT pk_budget_uses PRIMARY KEY (tenant_id, scope_id, period, unit, starts_on)
);
CREATE TABLE budget_holds (
    tenant_id uuid NOT NULL,
    answer_id uuid NOT NULL,
    attempt integer NOT NULL,
    scope_id uuid NOT NULL,
    period text NOT NULL,
    unit text NOT NULL,
    starts_on date NOT NULL,
    amount bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_budget_holds
        PRIMARY KEY (tenant_id, answer_id, attempt, scope_id, period, unit, starts_on),
    CONSTRAINT fk_budget_holds_uses
        FOREIGN KEY (tenant_id, scope_id, period, unit, starts_on)
        REFERENCES budget_uses (tenant_id, scope_id, period, unit, starts_on) ON DELETE CASCADE
);
CREATE INDEX ix_budget_holds_use
    ON budget_holds (tenant_id, scope_id, period, unit, starts_on);
ALTER TABLE answers ADD COLUMN budgeted boolean NOT NULL DEFAULT false
"""


def upgrade() -> None:
    """Create the tables, the two steps, and what settles when an answer ends."""
    for statement in _TABLES.split(";"):
        op.execute(statement)
    protect("budget_uses")
    protect("budget_holds")
    _define_holding()
    _define_settling()
    _settle_what_ends()


def _define_holding() -> None:
    # The answer's row is locked first, as where answers end; then all budgets are locked, then
    # looked at, then written: whoever comes meanwhile waits for the first lock, and sees what is
    # left afterwards. What costs nothing is never refused. A budget counts as exhausted, and that
    # is told once a period, when not even the answers in the making could give back enough.
    define_tenant_function(
        "hold_budget",
        """p_answer uuid, p_attempt integer, p_agent uuid, p_event uuid, p_scopes uuid[],
           p_periods text[], p_units text[], p_limits bigint[], p_amounts bigint[]""",
        returns="integer",
        declare="""v_day date := (now() AT TIME ZONE 'UTC')::date; v_starts date[];
                   v_spent bigint; v_reserved bigint;""",
        body="""
        UPDATE answers SET budgeted = true
        WHERE tenant_id = p_tenant AND id = p_answer AND completed_at IS NULL AND NOT budgeted;
        FOR i IN 1 .. cardinality(p_scopes) LOOP
            v_starts[i] := date_trunc(p_periods[i], v_day)::date;
            INSERT INTO budget_uses (tenant_id, scope_id, period, unit, starts_on)
            VALUES (p_tenant, p_scopes[i], p_periods[i], p_units[i], v_starts[i])
            ON CONFLICT DO NOTHING;
            SELECT u.spent, u.reserved INTO v_spent, v_reserved FROM budget_uses u
            WHERE u.tenant_id = p_tenant AND u.scope_id = p_scopes[i]
              AND u.period = p_periods[i] AND u.unit = p_units[i] AND u.starts_on = v_starts[i]
            FOR UPDATE;
            IF p_amounts[i] > 0 AND v_spent + v_reserved + p_amounts[i] > p_limits[i] THEN
                IF v_spent + p_amounts[i] > p_limits[i] THEN
                    UPDATE budget_uses u SET exhausted_at = now()
                    WHERE u.tenant_id = p_tenant AND u.scope_id = p_scopes[i]
                      AND u.period = p_periods[i] AND u.unit = p_units[i]
                      AND u.starts_on = v_starts[i] AND u.exhausted_at IS NULL;
                    IF FOUND THEN
                        INSERT INTO outbox (tenant_id, id, name, version, aggregate_id,
                                            aggregate_version, payload)
                        VALUES (p_tenant, p_event, 'budget.exhausted', 1, NULL, 0,
                                jsonb_build_object(
                                    'agent_id', p_agent, 'period', p_periods[i],
                                    'whole_company',
                                    p_scopes[i] = '00000000-0000-0000-0000-000000000000'::uuid,
                                    'unit', p_units[i], 'amount', p_limits[i]));
                    END IF;
                END IF;
                RETURN i;
            END IF;
        END LOOP;
        FOR i IN 1 .. cardinality(p_scopes) LOOP
            UPDATE budget_uses u SET reserved = u.reserved + p_amounts[i]
            WHERE u.tenant_id = p_tenant AND u.scope_id = p_scopes[i]
              AND u.period = p_periods[i] AND u.unit = p_units[i] AND u.starts_on = v_starts[i];
            INSERT INTO budget_holds AS h
                (tenant_id, answer_id, attempt, scope_id, period, unit, starts_on, amount)
            VALUES (p_tenant, p_answer, p_attempt, p_scopes[i], p_periods[i], p_units[i],
                    v_starts[i], p_amounts[i])
            ON CONFLICT (tenant_id, answer_id, attempt, scope_id, period, unit, starts_on)
            DO UPDATE SET amount = h.amount + excluded.amount;
        END LOOP;
        RETURN 0;
        """,
    )


def _define_settling() -> None:
    # An attempt settles what it put aside itself, and nobody else's. What was used counts for the
    # newest period that something was put aside in; called again, it finds nothing left to settle.
    # Rows are locked in the order of holding.
    _define_ending(
        "settle_budget",
        "p_answer uuid, p_attempt integer, p_tokens bigint, p_micros bigint",
        which="h.attempt = p_attempt",
        used="""CASE WHEN NOT v_hold.newest THEN 0
                     WHEN v_hold.unit = 'tokens' THEN p_tokens ELSE p_micros END""",
    )
    # What nobody can tell the use of any more counts as used: its call may have been paid for.
    _define_ending(
        "forfeit_budget",
        "p_answer uuid, p_but_attempt integer",
        which="h.attempt IS DISTINCT FROM p_but_attempt",
        used="gone.amount",
    )


def _define_ending(name: str, arguments: str, *, which: str, used: str) -> None:
    define_tenant_function(
        name,
        arguments,
        returns="void",
        declare="v_hold record;",
        body=f"""
        FOR v_hold IN
            SELECT h.attempt, h.scope_id, h.period, h.unit, h.starts_on,
                   h.starts_on = max(h.starts_on)
                       OVER (PARTITION BY h.attempt, h.scope_id, h.period, h.unit) AS newest
            FROM budget_holds h
            WHERE h.tenant_id = p_tenant AND h.answer_id = p_answer AND {which}
            ORDER BY h.scope_id = '00000000-0000-0000-0000-000000000000'::uuid, h.period, h.unit,
                     h.starts_on, h.attempt
        LOOP
            PERFORM FROM budget_uses u
            WHERE u.tenant_id = p_tenant AND u.scope_id = v_hold.scope_id
              AND u.period = v_hold.period AND u.unit = v_hold.unit
              AND u.starts_on = v_hold.starts_on
            FOR UPDATE;
            WITH gone AS (
                DELETE FROM budget_holds h
                WHERE h.tenant_id = p_tenant AND h.answer_id = p_answer
                  AND h.attempt = v_hold.attempt
                  AND h.scope_id = v_hold.scope_id AND h.period = v_hold.period
                  AND h.unit = v_hold.unit AND h.starts_on = v_hold.starts_on
                RETURNING h.amount
            )
            UPDATE budget_uses u
            SET reserved = u.reserved - gone.amount, spent = u.spent + {used}
            FROM gone
            WHERE u.tenant_id = p_tenant AND u.scope_id = v_hold.scope_id
              AND u.period = v_hold.period AND u.unit = v_hold.unit
              AND u.starts_on = v_hold.starts_on;
        END LOOP;
        """,
    )


def _settle_what_ends() -> None:
    # Whoever makes an answer settles before ending it. What still is put aside then, a dead worker
    # had put aside, or the database was away for a moment. Where a person takes a conversation
    # over while somebody makes an answer in it, that one settles. Answers without budgets cost
    # the look at two columns.
    op.execute("""
        CREATE FUNCTION settle_ended_answer() RETURNS trigger LANGUAGE plpgsql AS $settle$
        BEGIN
            PERFORM forfeit_budget(NEW.tenant_id, NEW.id,
                CASE WHEN NEW.state = 'cancelled' AND OLD.state = 'running'
                          AND OLD.lease_until >= clock_timestamp()
                     THEN NEW.attempt END);
            RETURN NULL;
        END $settle$
    """)
    op.execute("""
        CREATE TRIGGER settle_ended_answer AFTER UPDATE OF completed_at ON answers FOR EACH ROW
        WHEN (NEW.budgeted AND OLD.completed_at IS NULL AND NEW.completed_at IS NOT NULL)
        EXECUTE FUNCTION settle_ended_answer()
    """)
    # Whoever made an answer that has ended, and did not settle within the hour, never will.
    define_lookup(
        "stray_budget_holds",
        "",
        returns="TABLE (tenant_id uuid, answer_id uuid)",
        body=(
            "SELECT DISTINCT h.tenant_id, h.answer_id FROM budget_holds h"
            " WHERE h.created_at < now() - interval '1 hour' AND NOT EXISTS ("
            "SELECT FROM answers a WHERE a.tenant_id = h.tenant_id AND a.id = h.answer_id"
            " AND a.completed_at IS NULL) LIMIT 1000"
        ),
        worker_only=True,
    )
