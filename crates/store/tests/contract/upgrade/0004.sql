-- What schema 4 brought: a key with two secrets whose end was seen, an order to take away what a revoked key left, a
-- credential that was revoked with the order to take its account away, the installation's own id.
INSERT INTO api_keys (id, account_id, owner_id, name, public_id, generation, digest, pepper_id, scope, access,
    expires_ms, disabled, revoked_ms, cluster_removed, created_ms, last_used_ms, last_used_ip, hash_version,
    old_generation, old_digest, old_pepper_id, old_hash_version, old_ends_ms, revision, end_seen)
VALUES ('019c1b2e-7f00-7ddd-8def-000000000003', '019c1b2e-7f00-7aaa-8def-000000000002',
        '019c1b2e-7f00-7bbb-8def-000000000003', 'rotated', 'cccccccc', 2, 'digest-3b', 'p2', '{"all":true}', 'edit',
        1800000000000, FALSE, NULL, FALSE, 1700000000030, NULL, NULL, 1, 1, 'digest-3a', 'p1', 1, 1800086400000, 3,
        TRUE);
INSERT INTO api_key_removals (api_key_id, ticket) VALUES ('019c1b2e-7f00-7ddd-8def-000000000002', 3);
INSERT INTO credentials (id, account_id, api_key_id, namespace_id, service_account, issued_ms, expires_ms, last_used_ms,
    access, token_id, address, revoked_ms)
VALUES ('019c1b2e-7f00-7eee-8def-000000000003', '019c1b2e-7f00-7aaa-8def-000000000002',
        '019c1b2e-7f00-7ddd-8def-000000000003', '019c1b2e-7f00-7ccc-8def-000000000004', 'key-cccccccc-2-00000004',
        1700000000031, 1900000000000, 1700000000032, 'view', 'jti-1', '192.0.2.9', 1800000000000);
INSERT INTO credential_removals (service_account, namespace_id)
VALUES ('key-cccccccc-2-00000004', '019c1b2e-7f00-7ccc-8def-000000000004');
INSERT INTO installation (one, id) VALUES (1, 'installation-1');
