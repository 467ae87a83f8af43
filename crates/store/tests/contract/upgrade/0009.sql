-- What schema 9 brought: a revoked key of which the revocation ledger knows.
INSERT INTO api_keys (id, account_id, owner_id, name, public_id, generation, digest, pepper_id, scope, access,
    expires_ms, disabled, revoked_ms, cluster_removed, created_ms, last_used_ms, last_used_ip, revocation_noted)
VALUES ('019c1b2e-7f00-7ddd-8def-000000000004', '019c1b2e-7f00-7aaa-8def-000000000002',
        '019c1b2e-7f00-7bbb-8def-000000000003', 'noted', 'dddddddd', 1, 'digest-4', 'p1', '{"all":true}', 'view', NULL,
        FALSE, 1700000000040, TRUE, 1700000000033, NULL, NULL, TRUE);
