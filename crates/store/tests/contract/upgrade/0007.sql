-- What schema 7 brought: a request with an Idempotency-Key that was answered.
INSERT INTO requests (key_hash, body_hash, status, location, body, created_ms, expires_ms)
VALUES ('request-hash', 'body-hash', 201, '/v1/budgets/1', '{"id":"1"}', 1800000000000, 1800086400000);
