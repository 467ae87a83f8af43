-- The tenant API calls a namespace a cluster, `skg00001` and up, and lets people sign in with a token of four hours.

-- The number behind `skg…`. NULL for rows of older binaries, until the loop has numbered them.
ALTER TABLE namespaces ADD COLUMN tenant_number BIGINT;
-- What people call it there; NULL is the console name.
ALTER TABLE namespaces ADD COLUMN tenant_label TEXT;
-- When it was ready for the first time.
ALTER TABLE namespaces ADD COLUMN activated_ms BIGINT;
CREATE UNIQUE INDEX namespaces_by_tenant ON namespaces (tenant_number);

-- Which namespace had which number, and goes on having it when its row is gone: bills of past months name it.
CREATE TABLE tenant_numbers (
    number BIGINT NOT NULL PRIMARY KEY,
    namespace_id TEXT COLLATE "C" NOT NULL UNIQUE
);

-- Tokens of the tenant API carry it: raising it ends them all.
ALTER TABLE users ADD COLUMN token_version BIGINT NOT NULL DEFAULT 0;
