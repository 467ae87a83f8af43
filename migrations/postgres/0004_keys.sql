-- Ids sort by byte (COLLATE "C"), as in SQLite.
-- Keys and credentials, whole: rotation with overlap, what must go from the cluster, what was handed out.

-- A key has at most two live secrets. The newest stands in the columns of 0001, where older binaries look; the one before
-- it stands here until its overlap ends. Columns and not a table: two is then the most there can be, a second rotation
-- ends the older by overwriting it, and exec-credential stays one row of one SELECT.
ALTER TABLE api_keys ADD COLUMN hash_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE api_keys ADD COLUMN old_generation BIGINT;
ALTER TABLE api_keys ADD COLUMN old_digest TEXT;
ALTER TABLE api_keys ADD COLUMN old_pepper_id TEXT;
ALTER TABLE api_keys ADD COLUMN old_hash_version BIGINT;
ALTER TABLE api_keys ADD COLUMN old_ends_ms BIGINT;
-- Counts changes: a change is written only over the revision it was made from.
ALTER TABLE api_keys ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
-- Its end was seen: what it left in the cluster was ordered away.
ALTER TABLE api_keys ADD COLUMN end_seen BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX api_keys_to_end ON api_keys (expires_ms) WHERE expires_ms IS NOT NULL AND end_seen = FALSE;
CREATE INDEX api_keys_overlapping ON api_keys (old_ends_ms) WHERE old_ends_ms IS NOT NULL;
CREATE INDEX api_keys_unrevoked ON api_keys (account_id) WHERE revoked_ms IS NULL;

-- Orders: take away from the cluster whatever this key may have no more. A row goes once that was done.
CREATE TABLE api_key_removals (
    api_key_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES api_keys (id) ON DELETE CASCADE,
    -- Grows with each order: work that began before the last one does not fulfil it.
    ticket BIGINT NOT NULL
);

ALTER TABLE credentials ADD COLUMN access TEXT;
-- The token's jti, as the cluster's audit log names it; never the token.
ALTER TABLE credentials ADD COLUMN token_id TEXT;
ALTER TABLE credentials ADD COLUMN address TEXT;
ALTER TABLE credentials ADD COLUMN revoked_ms BIGINT;
CREATE INDEX credentials_by_service_account ON credentials (service_account, namespace_id);
CREATE INDEX credentials_by_end ON credentials (expires_ms);

-- Orders: take away this one account, though its key lives on.
CREATE TABLE credential_removals (
    service_account TEXT NOT NULL,
    namespace_id TEXT COLLATE "C" NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
    PRIMARY KEY (service_account, namespace_id)
);

-- One row: tells our objects in a cluster from those of another installation there.
CREATE TABLE installation (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL
);

-- A key can do no more than its owner may now, and nothing in a suspended account. However a membership ends or shrinks,
-- the same transaction orders away what its keys have in the cluster: no use case can forget it.
CREATE FUNCTION order_removals_of_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO api_key_removals (api_key_id, ticket)
    SELECT id, 1 FROM api_keys WHERE owner_id = OLD.user_id AND account_id = OLD.account_id AND revoked_ms IS NULL
    ON CONFLICT (api_key_id) DO UPDATE SET ticket = api_key_removals.ticket + 1;
    RETURN NULL;
END
$$;
CREATE TRIGGER members_gone AFTER DELETE ON members
    FOR EACH ROW EXECUTE FUNCTION order_removals_of_member();
CREATE TRIGGER members_changed AFTER UPDATE OF role ON members
    FOR EACH ROW EXECUTE FUNCTION order_removals_of_member();
CREATE FUNCTION order_removals_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO api_key_removals (api_key_id, ticket)
    SELECT id, 1 FROM api_keys WHERE owner_id = OLD.id AND revoked_ms IS NULL
    ON CONFLICT (api_key_id) DO UPDATE SET ticket = api_key_removals.ticket + 1;
    RETURN NULL;
END
$$;
CREATE TRIGGER users_changed AFTER UPDATE OF disabled ON users
    FOR EACH ROW EXECUTE FUNCTION order_removals_of_user();
CREATE FUNCTION order_removals_of_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO api_key_removals (api_key_id, ticket)
    SELECT id, 1 FROM api_keys WHERE account_id = OLD.id AND revoked_ms IS NULL
    ON CONFLICT (api_key_id) DO UPDATE SET ticket = api_key_removals.ticket + 1;
    RETURN NULL;
END
$$;
CREATE TRIGGER accounts_changed AFTER UPDATE OF suspended_ms ON accounts
    FOR EACH ROW EXECUTE FUNCTION order_removals_of_account();
