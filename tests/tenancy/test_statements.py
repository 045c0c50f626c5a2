"""Every statement of every service names the tenant, or stands here with its reason.

Row-level security would stop one that does not; this is the other wall, seen from outside.
Statements are found in the source: SQL by its first words, SQLAlchemy's by the functions that
begin them, where a method that is called may be the one that names the tenant.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
SQL: Final = re.compile(r"\s*(WITH|SELECT|INSERT INTO|UPDATE|DELETE FROM|MERGE INTO)\s+[a-z_*({\"]")
TABLE: Final = re.compile(r"\b(FROM|INTO|UPDATE)\s")
BEGINNINGS: Final = frozenset({"select", "insert", "update", "delete"})

BY_THE_CLOCK: Final = "the worker's, by the clock: what has run out or is due, whoever's it is"
LEASES: Final = "the worker's own leases, by its name or their end"
LOOK_UPS: Final = "a narrow function that tells whose a secret, an id or a domain is"
NO_TABLE: Final = "reads no table of a tenant's"
ACROSS: Final = {
    "libs/common/database/database.py": NO_TABLE,
    "libs/common/readiness.py": NO_TABLE,
    "libs/common/events/relay.py": "the outbox of all tenants is published in the order of time",
    "libs/common/jobs/claims.py": LEASES,
    "libs/common/jobs/sweeper.py": BY_THE_CLOCK,
    "libs/common/rekey.py": "the operator's; the tenant stands in what is put together",
    "libs/common/testing/databases.py": NO_TABLE,
    "services/agents/repositories/agent_reader.py": LOOK_UPS,
    "services/auth/repositories/activity.py": "a super admin's view of all companies",
    "services/auth/repositories/audit_ends.py": BY_THE_CLOCK,
    "services/auth/repositories/audit_verification.py": "the operator's: which trails there are",
    "services/auth/repositories/companies.py": "a super admin's search among all companies",
    "services/auth/repositories/credentials.py": LOOK_UPS,
    "services/auth/repositories/email_domains.py": BY_THE_CLOCK,
    "services/auth/repositories/expired.py": BY_THE_CLOCK,
    "services/auth/repositories/federation.py": LOOK_UPS,
    "services/auth/repositories/logos.py": LOOK_UPS,
    "services/auth/repositories/people.py": "a super admin's search among all people",
    "services/auth/repositories/plain_emails.py": BY_THE_CLOCK,
    "services/conversations/repositories/answer_statements.py": LEASES,
    "services/conversations/repositories/answers.py": LOOK_UPS,
    "services/conversations/repositories/budgets.py": BY_THE_CLOCK,
    "services/conversations/repositories/memory.py": BY_THE_CLOCK,
    "services/conversations/workers/purge.py": BY_THE_CLOCK,
    "services/documents/repositories/crawl_schedule.py": BY_THE_CLOCK,
    "services/documents/repositories/reconciling.py": "the operator's: which tenants there are",
    "services/documents/repositories/sweeping.py": BY_THE_CLOCK,
    "services/documents/repositories/tasks.py": LOOK_UPS,
}
"""Where statements are allowed that do not name the tenant, and why."""


def sources() -> list[Path]:
    """Return the code of services and of what they share, but for history."""
    found = [*ROOT.glob("services/*/**/*.py"), *ROOT.glob("libs/**/*.py")]
    return sorted(path for path in found if not {"migrations", "migrations.py"} & {*path.parts})


def of_sql(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of SQL that does not compare, insert or pass on a tenant."""
    formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in formatted for part in node.values}
    known = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    texts = [
        (node.lineno, "".join(text_of(part, known) for part in node.values)) for node in formatted
    ]
    texts += [
        (node.lineno, text_of(node, known))
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and id(node) not in parts
    ]
    for line, text in texts:
        if SQL.match(text) and TABLE.search(text) and not names_tenant(text):
            yield line, " ".join(text.split())


def text_of(node: ast.expr, known: Mapping[str, object]) -> str:
    """Return a string as far as it is known; what else is put in shows as `{}`."""
    if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name):
        return str(known.get(node.value.id, "{}"))
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "{}"


def names_tenant(text: str) -> bool:
    """Tell whether a statement's condition, or what it inserts, names the tenant."""
    condition = text.partition("WHERE")[2] + text.partition("ON CONFLICT")[2]
    inserted = text if text.lstrip().startswith("INSERT") else ""
    return "tenant_id" in condition or "tenant_id" in inserted


def of_sqlalchemy(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of functions that begin a statement, and know no tenant."""
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    knowing: set[str] = set()
    while True:
        more = {one.name for one in functions if knows_tenant(one, knowing)} - knowing
        if not more:
            break
        knowing |= more
    for one in functions:
        if begins_statement(one) and not knows_tenant(one, knowing):
            yield one.lineno, one.name


def knows_tenant(function: ast.AST, knowing: set[str]) -> bool:
    """Tell whether a function names the tenant, or calls one of its own kin that does.

    Kin only: `all` of a result is not the `all` that stands in the same file.
    """
    for node in ast.walk(function):
        match node:
            case ast.Attribute(attr="tenant_id" | "owned") | ast.Name(id="tenant_id"):
                return True
            case ast.Attribute(value=ast.Name(id="self"), attr=name) | ast.Name(id=name):
                if name in knowing:
                    return True
    return False


def begins_statement(function: ast.AST) -> bool:
    """Tell whether a function calls one of SQLAlchemy's beginnings."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in BEGINNINGS
        for node in ast.walk(function)
    )


def test_statements_name_the_tenant() -> None:
    unnamed: dict[str, list[tuple[int, str]]] = {}
    for path in sources():
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        found = list(of_sql(tree))
        if "sqlalchemy" in text:
            found += of_sqlalchemy(tree)
        if found:
            unnamed[str(path.relative_to(ROOT))] = found

    assert {place: found for place, found in unnamed.items() if place not in ACROSS} == {}
    # What needs no leave any more loses it.
    assert set(ACROSS) == set(unnamed)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('QUERY = "SELECT id FROM documents WHERE tenant_id = $1 AND id = $2"', True),
        ('QUERY = "SELECT tenant_id, id FROM documents WHERE id = $1"', False),
        ('OWN = "tenant_id = $1"\nQUERY = f"SELECT id FROM documents WHERE {OWN}"', True),
        ('QUERY = "SELECT pg_advisory_xact_lock(1)"', True),
        ('QUERY = f"""\nDELETE FROM {table} WHERE id = $1"""', False),
        ('QUERY = "INSERT INTO documents (tenant_id, id) VALUES ($1, $2)"', True),
        ("def get(self):\n    return select(Document).where(Document.id == 1)", False),
        ("def get(self):\n    return self.owned().where(select(Document).exists())", True),
        (
            "def mine(self):\n    return Document.tenant_id == self.id\n"
            "def get(self):\n    return select(Document).where(self.mine())",
            True,
        ),
        (
            "def all(self):\n    return select(Document).where(Document.tenant_id == self.id)\n"
            "def stray(self):\n    return self.session.scalars(select(Document)).all()",
            False,
        ),
        (
            "class One:\n    def get(self):\n        return select(self.tenant_id)\n"
            "class Other:\n    def get(self):\n        return select(Document)",
            False,
        ),
    ],
)
def test_tells_one_from_the_other(source: str, names: bool) -> None:
    tree = ast.parse(source)

    assert ([*of_sql(tree), *of_sqlalchemy(tree)] == []) is names
