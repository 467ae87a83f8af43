-- Several accounts per person, invitations, suspended accounts and their quotas.

-- In which account the session acts; NULL is the first joined. A membership that is gone counts as NULL.
ALTER TABLE sessions ADD COLUMN account_id TEXT COLLATE "C";
-- An operator looks into `account_id` without being a member, read only.
ALTER TABLE sessions ADD COLUMN support BOOLEAN NOT NULL DEFAULT FALSE;

-- Set while nothing may be changed in the account.
ALTER TABLE accounts ADD COLUMN suspended_ms BIGINT;
-- JSON of the limits; NULL is the default of the installation.
ALTER TABLE accounts ADD COLUMN quota TEXT;

-- Since when the namespace's objects are out of date (its account's quota changed). NULL when they are not.
ALTER TABLE namespaces ADD COLUMN outdated_ms BIGINT;
CREATE INDEX namespaces_outdated ON namespaces (outdated_ms) WHERE outdated_ms IS NOT NULL;

CREATE TABLE invitations (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- Normalised as in `users`.
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    -- SHA-256 of the link's token: what is read here opens nothing.
    token_hash TEXT NOT NULL UNIQUE,
    invited_by TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    accepted_ms BIGINT,
    revoked_ms BIGINT
);
CREATE INDEX invitations_by_account ON invitations (account_id, id);
CREATE INDEX invitations_by_inviter ON invitations (invited_by);
-- One open invitation per person and account.
CREATE UNIQUE INDEX invitations_open ON invitations (account_id, email) WHERE accepted_ms IS NULL AND revoked_ms IS NULL;
