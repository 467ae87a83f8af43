-- What a console of the first schema has in its tables: one row of each kind, and each state that a loop looks for.
-- Only the columns of that day. These texts also stand for an old binary that runs beside a new one.
INSERT INTO sequences (name, last) VALUES ('customer', 7);
INSERT INTO accounts (id, name, customer_number, created_ms)
VALUES ('019c1b2e-7f00-7aaa-8def-000000000001', 'old account', 7, 1700000000000);
INSERT INTO users (id, email, password_hash, operator, disabled, created_ms)
VALUES ('019c1b2e-7f00-7bbb-8def-000000000001', 'ada@example.com', '$argon2id$old', TRUE, FALSE, 1700000000001),
       ('019c1b2e-7f00-7bbb-8def-000000000002', 'bob@example.com', NULL, FALSE, TRUE, 1700000000002);
INSERT INTO members (account_id, user_id, role, joined_ms)
VALUES ('019c1b2e-7f00-7aaa-8def-000000000001', '019c1b2e-7f00-7bbb-8def-000000000001', 'owner', 1700000000003),
       ('019c1b2e-7f00-7aaa-8def-000000000001', '019c1b2e-7f00-7bbb-8def-000000000002', 'viewer', 1700000000004);
INSERT INTO sessions (id_hash, user_id, data, created_ms, last_seen_ms, idle_expires_ms, absolute_expires_ms, address,
    user_agent)
VALUES ('cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4', '019c1b2e-7f00-7bbb-8def-000000000001', '{"a":1}', 1800000000000, 1800000000000, 1800028800000,
    1800604800000, '192.0.2.1', 'Firefox');
INSERT INTO login_counters (subject, failures, last_failed_ms) VALUES ('email:ada@example.com', 3, 1800000000000);
INSERT INTO namespaces (id, account_id, name, kubernetes_name, status, status_message, created_by, created_ms)
VALUES ('019c1b2e-7f00-7ccc-8def-000000000001', '019c1b2e-7f00-7aaa-8def-000000000001', 'team-ml', 'team-ml-00000001',
        'active', NULL, '019c1b2e-7f00-7bbb-8def-000000000001', 1700000000005),
       ('019c1b2e-7f00-7ccc-8def-000000000002', '019c1b2e-7f00-7aaa-8def-000000000001', 'going', 'going-00000002',
        'deleting', NULL, '019c1b2e-7f00-7bbb-8def-000000000001', 1700000000006),
       ('019c1b2e-7f00-7ccc-8def-000000000003', '019c1b2e-7f00-7aaa-8def-000000000001', 'broken', 'broken-00000003',
        'failed', 'a reason', '019c1b2e-7f00-7bbb-8def-000000000001', 1700000000007);
INSERT INTO api_keys (id, account_id, owner_id, name, public_id, generation, digest, pepper_id, scope, access,
    expires_ms, disabled, revoked_ms, cluster_removed, created_ms, last_used_ms, last_used_ip)
VALUES ('019c1b2e-7f00-7ddd-8def-000000000001', '019c1b2e-7f00-7aaa-8def-000000000001',
        '019c1b2e-7f00-7bbb-8def-000000000001', 'laptop', 'aaaaaaaa', 1, 'digest-1', 'p1', '{"all":true}', 'edit',
        NULL, FALSE, NULL, FALSE, 1700000000008, 1700000000009, '192.0.2.1'),
       ('019c1b2e-7f00-7ddd-8def-000000000002', '019c1b2e-7f00-7aaa-8def-000000000001',
        '019c1b2e-7f00-7bbb-8def-000000000001', 'revoked', 'bbbbbbbb', 1, 'digest-2', 'p1', '{"inference":true}',
        'view', 1900000000000, FALSE, 1700000000010, FALSE, 1700000000010, NULL, NULL);
INSERT INTO credentials (id, account_id, api_key_id, namespace_id, service_account, issued_ms, expires_ms, last_used_ms)
VALUES ('019c1b2e-7f00-7eee-8def-000000000001', '019c1b2e-7f00-7aaa-8def-000000000001',
        '019c1b2e-7f00-7ddd-8def-000000000001', '019c1b2e-7f00-7ccc-8def-000000000001', 'key-aaaaaaaa-1-00000001',
        1700000000011, 1700003600011, 1700000000012),
       ('019c1b2e-7f00-7eee-8def-000000000002', '019c1b2e-7f00-7aaa-8def-000000000001', NULL,
        '019c1b2e-7f00-7ccc-8def-000000000002', 'console-00000002-edit', 1700000000013, 1700003600013, 1700000000013);
INSERT INTO audit (id, at_ms, account_id, actor, action, target, detail, address, request_id)
VALUES ('019c1b2e-7f00-7fff-8def-000000000001', 1700000000014, '019c1b2e-7f00-7aaa-8def-000000000001', 'user:ada',
        'namespace.created', 'namespace:1', 'team-ml', '192.0.2.1', 'r-1'),
       ('019c1b2e-7f00-7fff-8def-000000000002', 1700000000015, NULL, 'anonymous', 'session.refused', '', '', '192.0.2.1',
        'r-2'),
       ('019c1b2e-7f00-7fff-8def-000000000003', 1700000000016, '019c1b2e-7f00-7aaa-8def-000000000001', 'user:ada',
        'api_key.created', 'api_key:1', '{"all":true}', '192.0.2.1', 'r-3');
