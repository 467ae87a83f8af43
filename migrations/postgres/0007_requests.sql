-- Requests with an Idempotency-Key, so that a repeated one is done once.

CREATE TABLE requests (
    -- SHA-256 over person, account, route and key: what is read here names nobody.
    key_hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- SHA-256 of the body: the same key with another body is a mistake of the client.
    body_hash TEXT NOT NULL,
    -- NULL while it is being answered.
    status BIGINT,
    location TEXT,
    -- NULL where the answer held a secret: that is shown once and kept nowhere.
    body TEXT,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX requests_by_expiry ON requests (expires_ms);
