-- Sign-in: sessions one can name and end, password resets by link, accounts at identity providers.

-- What lists and routes call it; NULL in rows that an older binary made, which are named after their hash.
ALTER TABLE sessions ADD COLUMN id TEXT COLLATE "C";
-- Last proof of identity (password or provider); 0 in rows that an older binary made: too long ago for anything.
ALTER TABLE sessions ADD COLUMN authenticated_ms BIGINT NOT NULL DEFAULT 0;
-- Which identity provider vouched, NULL = password; and its own name for the session (`sid`), if it gave one.
ALTER TABLE sessions ADD COLUMN provider TEXT;
ALTER TABLE sessions ADD COLUMN provider_sid TEXT;
CREATE UNIQUE INDEX sessions_by_public_id ON sessions (id);

CREATE TABLE password_resets (
    -- SHA-256 of the link's token: what is read here opens nothing.
    token_hash TEXT NOT NULL PRIMARY KEY,
    -- One open link a person: a new one replaces it.
    user_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);

CREATE TABLE identities (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Whom the provider calls `subject`: the pair is the key, never the e-mail.
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- Our name of the provider, and what the provider called the person when it was linked: for people only.
    provider TEXT NOT NULL,
    label TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    last_used_ms BIGINT NOT NULL,
    UNIQUE (issuer, subject)
);
CREATE INDEX identities_by_user ON identities (user_id, id);

-- The sweep removes what is older than a day.
CREATE INDEX login_counters_by_last_failure ON login_counters (last_failed_ms);
