-- What schema 14 brought: a webhook with a secret and the one before it, what it was told and how, and a key whose end was
-- announced.
INSERT INTO webhooks (id, account_id, name, url, topics, platform, secret, old_secret, old_secret_until_ms, disabled_ms,
    disabled_reason, failing_since_ms, created_ms)
VALUES ('019c1b2e-7f00-7666-8def-000000000001', '019c1b2e-7f00-7aaa-8def-000000000001', 'chat',
        'https://hooks.example.com/x', ',budget,engine,', FALSE, 'sealed-2', 'sealed-1', 1800086400000, NULL, NULL, NULL,
        1800000000000);
INSERT INTO webhook_deliveries (webhook_id, id, kind, account_id, target, target_name, outcome, detail, ecosystem, at_ms,
    state, tries, first_tried_ms, next_ms)
VALUES ('019c1b2e-7f00-7666-8def-000000000001', '019c1b2e-7f00-7777-8def-000000000001', 'engine.status_changed',
        '019c1b2e-7f00-7aaa-8def-000000000001', 'engine:1', 'onprem-1', 'success', 'ready', 'eu', 1800000000000,
        'delivered', 2, 1800000000001, 1800000005000);
INSERT INTO webhook_attempts (webhook_id, delivery_id, number, at_ms, status, problem, took_ms)
VALUES ('019c1b2e-7f00-7666-8def-000000000001', '019c1b2e-7f00-7777-8def-000000000001', 1, 1800000000001, NULL, 'timeout',
        10000),
       ('019c1b2e-7f00-7666-8def-000000000001', '019c1b2e-7f00-7777-8def-000000000001', 2, 1800000005000, 204, NULL, 12);
INSERT INTO api_keys (id, account_id, owner_id, name, public_id, generation, digest, pepper_id, scope, access,
    expires_ms, disabled, revoked_ms, cluster_removed, created_ms, last_used_ms, last_used_ip, end_announced_ms)
VALUES ('019c1b2e-7f00-7ddd-8def-000000000005', '019c1b2e-7f00-7aaa-8def-000000000002',
        '019c1b2e-7f00-7bbb-8def-000000000003', 'ending', 'eeeeeeee', 1, 'digest-5', 'p1', '{"all":true}', 'view',
        1800003600000, FALSE, NULL, FALSE, 1700000000034, NULL, NULL, 1800003600000);
