"""The SQL of vectors in PostgreSQL; every statement names the tenant first."""

from typing import Final

DIMENSIONS: Final = (384, 512, 768, 1024, 1536, 3072)
HALF_DIMENSIONS: Final = frozenset({3072})

GENERATIONS = """
SELECT agent_id, generation, removals FROM knowledge_generations
WHERE tenant_id = $1 AND space = $2 AND ($3::uuid IS NULL OR agent_id = $3)
"""
COUNT = """
SELECT count(*) FROM passage_digests WHERE tenant_id = $1 AND space = $2 AND agent_id = $3
"""
# Strung together, ten thousand passages arrive as five values instead of fifty thousand.
DIGESTS = """
SELECT coalesce(string_agg(uuid_send(passage_id), ''), ''), coalesce(string_agg(code, ''), ''),
       coalesce(string_agg(int4send(length(term_counts)), ''), ''),
       coalesce(string_agg(term_ids, ''), ''), coalesce(string_agg(term_counts, ''), ''),
       coalesce(string_agg(uuid_send(document_id), ''), ''),
       coalesce(string_agg(int4send(length(reader_ids)), ''), ''),
       coalesce(string_agg(reader_ids, ''), '')
FROM passage_digests
WHERE tenant_id = $1 AND space = $2 AND agent_id = $3 AND generation > $4
"""
LIVE_IDS = """
SELECT coalesce(string_agg(uuid_send(passage_id), ''), '') FROM passage_digests
WHERE tenant_id = $1 AND space = $2 AND agent_id = $3
"""
# LATERAL with LIMIT leaves the planner one way, a look-up by primary key for each id: before a
# table's first ANALYZE it would rather read all of a tenant's rows.
CONFIRM = """
SELECT found.*
FROM unnest($3::uuid[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT passage_id, document_id, document_version FROM passage_digests
    WHERE tenant_id = $1 AND space = $2 AND passage_id = wanted.id LIMIT 1
) AS found
"""
# The sub-select keeps the cast from being repeated for every row.
SCAN = """
SELECT embedding <#> (SELECT $4::float4[]::{kind}), uuid_send(passage_id)
FROM vectors_{dimension} WHERE tenant_id = $1 AND space = $2 AND agent_id = $3
  AND ($6::uuid[] IS NULL OR document_id = ANY ($6))
  AND ($7::uuid[] IS NULL OR document_id NOT IN (
      SELECT id FROM documents
      WHERE tenant_id = $1 AND agent_id = $3 AND groups <> '{{}}' AND NOT groups && $7))
ORDER BY embedding <#> (SELECT $4::float4[]::{kind}) LIMIT $5
"""
# Every change of an agent's passages begins here: changes of one agent come one after another,
# so generations are seen in the order in which they were given.
NEXT_GENERATION = """
INSERT INTO knowledge_generations AS known (tenant_id, space, agent_id)
SELECT $1, $2, agent_id FROM unnest($3::uuid[]) AS agent_id ORDER BY agent_id
ON CONFLICT (tenant_id, space, agent_id) DO UPDATE SET generation = known.generation + 1
RETURNING agent_id, generation
"""
UPSERT_VECTORS = """
INSERT INTO vectors_{dimension} (tenant_id, space, passage_id, agent_id, document_id,
                                 document_version, embedding)
SELECT $1, $2, id, agent_id, document_id, version,
       ($7::float4[])[(place - 1) * {dimension} + 1 : place * {dimension}]::{kind}
FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::int[])
    WITH ORDINALITY AS new (id, agent_id, document_id, version, place)
ON CONFLICT (tenant_id, space, passage_id) DO UPDATE SET embedding = excluded.embedding
"""
UPSERT_DIGESTS = """
INSERT INTO passage_digests (tenant_id, space, passage_id, agent_id, document_id,
                             document_version, generation, code, term_ids, term_counts, reader_ids)
SELECT $1, $2, * FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::int[], $7::bigint[],
                             $8::bytea[], $9::bytea[], $10::bytea[], $11::bytea[])
ON CONFLICT (tenant_id, space, passage_id) DO UPDATE
SET generation = excluded.generation, code = excluded.code, term_ids = excluded.term_ids,
    term_counts = excluded.term_counts, reader_ids = excluded.reader_ids
"""
AFFECTED = """
SELECT DISTINCT space, agent_id FROM passage_digests
WHERE tenant_id = $1 AND document_id = $2
ORDER BY space, agent_id
"""
NOTE_REMOVAL = """
UPDATE knowledge_generations SET generation = generation + 1, removals = removals + 1
WHERE tenant_id = $1 AND space = $2 AND agent_id = $3
"""
DELETE_DIGESTS = """
DELETE FROM passage_digests
WHERE tenant_id = $1 AND document_id = $2 AND document_version <> ALL ($3::int[])
RETURNING space, passage_id
"""
DELETE_VECTORS = """
DELETE FROM vectors_{dimension}
WHERE tenant_id = $1 AND space = $2 AND passage_id = ANY ($3::uuid[])
"""
SET_READERS = """
UPDATE passage_digests SET reader_ids = $5, generation = $6
WHERE tenant_id = $1 AND space = $2 AND agent_id = $3 AND document_id = $4
"""


def hnsw_index_statement(dimension: int) -> str:
    """Return the statement by which the owner builds an HNSW index for a table that needs one.

    It takes about 0.3 ms a vector to build, outside a transaction, and makes inserts ten times
    slower; below some 100,000 passages an agent it gains nothing.

    Raises:
        ValueError: There is no table of this dimension.
    """
    if dimension not in DIMENSIONS:
        raise ValueError(f"no table holds vectors of dimension {dimension}")
    operators = "halfvec_ip_ops" if dimension in HALF_DIMENSIONS else "vector_ip_ops"
    return (
        f"CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_vectors_{dimension}_hnsw "
        f"ON documents.vectors_{dimension} USING hnsw (embedding {operators})"
    )
