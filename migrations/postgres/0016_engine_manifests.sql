-- Generated manifests while kubectl may fetch them by their URL.

CREATE TABLE engine_manifests (
    -- Random, 32 hex digits. No secret: the file that it opens holds none.
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- What was asked for, as JSON; the file is generated from it at each read.
    input TEXT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX engine_manifests_by_expiry ON engine_manifests (expires_ms);
