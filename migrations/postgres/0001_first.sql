-- First schema. Ids are hyphenated UUIDs as TEXT, times milliseconds since 1970 (UTC) as BIGINT, JSON as TEXT.
-- Ids sort by byte (COLLATE "C"), as in SQLite: keyset pages must not depend on the server's locale.

-- Counters that never give a number twice, e.g. `customer` for skgu00001 and up.
CREATE TABLE sequences (
    name TEXT NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL
);

CREATE TABLE accounts (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    customer_number BIGINT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL
);

CREATE TABLE users (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- Normalised: trimmed and lower case.
    email TEXT NOT NULL UNIQUE,
    -- Argon2id PHC string; NULL for people without a password.
    password_hash TEXT,
    operator BOOLEAN NOT NULL,
    disabled BOOLEAN NOT NULL,
    created_ms BIGINT NOT NULL
);

CREATE TABLE members (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    joined_ms BIGINT NOT NULL,
    PRIMARY KEY (account_id, user_id)
);
-- The default account is the first joined.
CREATE INDEX members_by_user ON members (user_id, joined_ms);

CREATE TABLE sessions (
    -- SHA-256 of the cookie's id: what is read here opens nothing.
    id_hash TEXT NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    data TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    last_seen_ms BIGINT NOT NULL,
    idle_expires_ms BIGINT NOT NULL,
    absolute_expires_ms BIGINT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_idle_end ON sessions (idle_expires_ms);
CREATE INDEX sessions_by_absolute_end ON sessions (absolute_expires_ms);

CREATE TABLE login_counters (
    -- `email:…` or `address:…`
    subject TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_failed_ms BIGINT NOT NULL
);

CREATE TABLE namespaces (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    kubernetes_name TEXT NOT NULL UNIQUE,
    -- creating, active, deleting, failed: the row is the reconciler's queue. It goes when the namespace is gone.
    status TEXT NOT NULL,
    status_message TEXT,
    created_by TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    created_ms BIGINT NOT NULL,
    UNIQUE (account_id, name)
);
CREATE INDEX namespaces_by_account ON namespaces (account_id, id);
CREATE INDEX namespaces_by_status ON namespaces (status, id);
CREATE INDEX namespaces_by_creator ON namespaces (created_by);

CREATE TABLE api_keys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    owner_id TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    -- The 8 letters inside the key text.
    public_id TEXT NOT NULL UNIQUE,
    generation BIGINT NOT NULL,
    -- HMAC-SHA-256 under the pepper `pepper_id`, which is never in this database.
    digest TEXT NOT NULL,
    pepper_id TEXT NOT NULL,
    -- Canonical scope document; it may list namespaces that are gone.
    scope TEXT NOT NULL,
    access TEXT NOT NULL,
    expires_ms BIGINT,
    disabled BOOLEAN NOT NULL,
    revoked_ms BIGINT,
    -- The cluster holds nothing of this revoked key any more.
    cluster_removed BOOLEAN NOT NULL DEFAULT FALSE,
    created_ms BIGINT NOT NULL,
    last_used_ms BIGINT,
    last_used_ip TEXT
);
CREATE INDEX api_keys_by_account ON api_keys (account_id, id);
CREATE INDEX api_keys_by_owner ON api_keys (owner_id, account_id, id);
CREATE INDEX api_keys_to_remove ON api_keys (revoked_ms) WHERE revoked_ms IS NOT NULL AND cluster_removed = FALSE;

-- Tokens handed out: whose and until when, never the token.
CREATE TABLE credentials (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    -- NULL for the console's own.
    api_key_id TEXT COLLATE "C" REFERENCES api_keys (id),
    namespace_id TEXT COLLATE "C" NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
    service_account TEXT NOT NULL,
    issued_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    last_used_ms BIGINT NOT NULL
);
CREATE INDEX credentials_by_account ON credentials (account_id, id);
CREATE INDEX credentials_by_key ON credentials (api_key_id, id);
CREATE INDEX credentials_by_namespace ON credentials (namespace_id, id);

-- Append only, and without foreign keys: it outlives what it speaks of.
CREATE TABLE audit (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    -- NULL before anybody is known.
    account_id TEXT COLLATE "C",
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL,
    address TEXT NOT NULL,
    request_id TEXT NOT NULL
);
CREATE INDEX audit_by_account ON audit (account_id, id);
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit is append only';
END
$$;
CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
