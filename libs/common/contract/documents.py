"""The routes that documents owns: documents, search, websites, database connections."""

from typing import Final

from libs.common.contract.routes import BUILT, PLANNED, Auth, Route

OWNER: Final = "documents"

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/api/v1/chunks/upload", OWNER, Auth.PUBLIC, BUILT),
    Route("GET", "/api/v1/database", OWNER, Auth.READ, PLANNED),
    Route("GET", "/api/v1/database-connection", OWNER, Auth.READ, PLANNED),
    Route("POST", "/api/v1/database-connection", OWNER, Auth.WRITE, PLANNED),
    Route("GET", "/api/v1/database-connection/agent/{agent_id}", OWNER, Auth.READ, PLANNED),
    Route("POST", "/api/v1/database-connection/analyze", OWNER, Auth.WRITE, PLANNED),
    Route("GET", "/api/v1/database-connection/deleted", OWNER, Auth.READ, PLANNED),
    Route("POST", "/api/v1/database-connection/export", OWNER, Auth.WRITE, PLANNED),
    Route("GET", "/api/v1/database-connection/table/deleted", OWNER, Auth.READ, PLANNED),
    Route("GET", "/api/v1/database-connection/table/{table_id}", OWNER, Auth.READ, PLANNED),
    Route("DELETE", "/api/v1/database-connection/table/{table_id}", OWNER, Auth.WRITE, PLANNED),
    Route(
        "PATCH", "/api/v1/database-connection/table/{table_id}/restore", OWNER, Auth.WRITE, PLANNED
    ),
    Route("GET", "/api/v1/database-connection/{connection_id}", OWNER, Auth.READ, PLANNED),
    Route("PUT", "/api/v1/database-connection/{connection_id}", OWNER, Auth.WRITE, PLANNED),
    Route("PATCH", "/api/v1/database-connection/{connection_id}", OWNER, Auth.WRITE, PLANNED),
    Route("DELETE", "/api/v1/database-connection/{connection_id}", OWNER, Auth.WRITE, PLANNED),
    Route(
        "POST", "/api/v1/database-connection/{connection_id}/analyze", OWNER, Auth.WRITE, PLANNED
    ),
    Route(
        "GET",
        "/api/v1/database-connection/{connection_id}/knowledge-graph",
        OWNER,
        Auth.READ,
        PLANNED,
    ),
    Route(
        "PATCH", "/api/v1/database-connection/{connection_id}/restore", OWNER, Auth.WRITE, PLANNED
    ),
    Route(
        "GET",
        "/api/v1/database-connection/{connection_id}/sample-queries",
        OWNER,
        Auth.READ,
        PLANNED,
    ),
    Route(
        "GET",
        "/api/v1/database-connection/{connection_id}/semantic-snapshot",
        OWNER,
        Auth.READ,
        PLANNED,
    ),
    Route("GET", "/api/v1/database-connection/{connection_id}/table", OWNER, Auth.READ, PLANNED),
    Route(
        "DELETE", "/api/v1/database-connection/{connection_id}/table", OWNER, Auth.WRITE, PLANNED
    ),
    Route("POST", "/api/v1/database-connection/{connection_id}/test", OWNER, Auth.WRITE, PLANNED),
    Route(
        "POST", "/api/v1/database-connection/{connection_id}/text-to-sql", OWNER, Auth.READ, PLANNED
    ),
    Route("GET", "/api/v1/document", OWNER, Auth.READ, BUILT),
    Route("GET", "/api/v1/document/agent/{agent_id}", OWNER, Auth.READ, BUILT),
    Route("DELETE", "/api/v1/document/bulk-delete", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/document/chunk/deleted", OWNER, Auth.READ, BUILT),
    Route("DELETE", "/api/v1/document/chunk/{chunk_id}", OWNER, Auth.WRITE, BUILT),
    Route("PATCH", "/api/v1/document/chunk/{chunk_id}/restore", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/document/deleted", OWNER, Auth.READ, BUILT),
    Route("POST", "/api/v1/document/upload", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/document/{document_id}", OWNER, Auth.READ, BUILT),
    Route("PUT", "/api/v1/document/{document_id}", OWNER, Auth.WRITE, BUILT),
    Route("DELETE", "/api/v1/document/{document_id}", OWNER, Auth.WRITE, BUILT),
    Route("DELETE", "/api/v1/document/{document_id}/chunk", OWNER, Auth.WRITE, BUILT),
    Route("PATCH", "/api/v1/document/{document_id}/chunk/restore-all", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/document/{document_id}/download", OWNER, Auth.READ, BUILT),
    Route("GET", "/api/v1/document/{document_id}/events", OWNER, Auth.READ, BUILT),
    Route("PATCH", "/api/v1/document/{document_id}/restore", OWNER, Auth.WRITE, BUILT),
    Route("POST", "/api/v1/document/{document_id}/retry", OWNER, Auth.WRITE, BUILT),
    Route("GET", "/api/v1/document/{document_id}/versions", OWNER, Auth.READ, BUILT),
    Route("POST", "/api/v1/sdk/database", OWNER, Auth.WRITE, PLANNED),
    Route("PUT", "/api/v1/sdk/database/{connection_id}", OWNER, Auth.WRITE, PLANNED),
    Route("DELETE", "/api/v1/sdk/database/{connection_id}", OWNER, Auth.WRITE, PLANNED),
    Route("DELETE", "/api/v1/sdk/website/source/{source_id}", OWNER, Auth.WRITE, PLANNED),
    Route("POST", "/api/v1/sdk/website/source/{source_id}/crawl", OWNER, Auth.WRITE, PLANNED),
    Route("POST", "/api/v1/search/database", OWNER, Auth.WRITE, PLANNED),
    Route("POST", "/api/v1/search/document", OWNER, Auth.READ, BUILT),
    Route(
        "GET",
        "/api/v1/super-admin/companies/{company_id}/documents",
        OWNER,
        Auth.SUPER_ADMIN,
        PLANNED,
    ),
    Route(
        "DELETE", "/api/v1/super-admin/documents/{document_id}", OWNER, Auth.SUPER_ADMIN, PLANNED
    ),
    Route("GET", "/api/v1/tasks/{task_id}/status", OWNER, Auth.PUBLIC, BUILT),
    Route("GET", "/api/v1/website/agent/{agent_id}/sources", OWNER, Auth.READ, PLANNED),
    Route("POST", "/api/v1/website/handshake", OWNER, Auth.PUBLIC, PLANNED),
    Route("GET", "/api/v1/website/source", OWNER, Auth.READ, PLANNED),
    Route("POST", "/api/v1/website/source", OWNER, Auth.WRITE, PLANNED),
    Route("PUT", "/api/v1/website/source/{source_id}", OWNER, Auth.WRITE, PLANNED),
    Route("DELETE", "/api/v1/website/source/{source_id}", OWNER, Auth.WRITE, PLANNED),
    Route("POST", "/api/v1/website/source/{source_id}/crawl", OWNER, Auth.WRITE, PLANNED),
    Route("GET", "/api/v1/website/source/{source_id}/pages", OWNER, Auth.READ, PLANNED),
    Route("GET", "/api/v1/website/{source_id}", OWNER, Auth.READ, PLANNED),
)
