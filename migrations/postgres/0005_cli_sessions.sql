-- Sign-in of the command line (RULINGS 6): one-time codes, and the sessions they are traded for.

CREATE TABLE cli_codes (
    -- SHA-256 of the code. The row goes at the first try, whatever comes of it.
    code_hash TEXT NOT NULL PRIMARY KEY,
    -- PKCE S256: what the verifier must hash to.
    challenge TEXT NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX cli_codes_by_end ON cli_codes (expires_ms);

CREATE TABLE cli_sessions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- SHA-256 of the token: what is read here opens nothing.
    token_hash TEXT NOT NULL UNIQUE,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    last_seen_ms BIGINT NOT NULL,
    idle_expires_ms BIGINT NOT NULL,
    absolute_expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL
);
CREATE INDEX cli_sessions_by_user ON cli_sessions (user_id, id);
