-- Connectors whose objects in the cluster are being made. The row in `credentials` comes last, with the id and the end of
-- the token; until then this one says to the sweep whose the objects are. It goes with that row; what a crash left of it
-- is an order to take the objects away.
CREATE TABLE connector_drafts (
    service_account TEXT NOT NULL PRIMARY KEY,
    namespace_id TEXT COLLATE "C" NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
    -- By the database's clock.
    begun_ms BIGINT NOT NULL
);
CREATE INDEX connector_drafts_by_age ON connector_drafts (begun_ms);
