-- What schema 2 brought: an account that an operator suspended and gave limits of its own, a namespace of it that is out of
-- date, an operator's session that looks into it, an invitation.
INSERT INTO accounts (id, name, customer_number, created_ms, suspended_ms, quota)
VALUES ('019c1b2e-7f00-7aaa-8def-000000000002', 'held account', 6, 1700000000020, 1800000000000,
        '{"namespaces":3,"members":7,"api_keys":9,"cpu":10,"memory_gib":20,"gpus":1,"pods":30}');
INSERT INTO users (id, email, password_hash, operator, disabled, created_ms)
VALUES ('019c1b2e-7f00-7bbb-8def-000000000003', 'carol@example.com', NULL, FALSE, FALSE, 1700000000021);
INSERT INTO members (account_id, user_id, role, joined_ms)
VALUES ('019c1b2e-7f00-7aaa-8def-000000000002', '019c1b2e-7f00-7bbb-8def-000000000001', 'owner', 1700000000022),
       ('019c1b2e-7f00-7aaa-8def-000000000002', '019c1b2e-7f00-7bbb-8def-000000000003', 'member', 1700000000023);
INSERT INTO namespaces (id, account_id, name, kubernetes_name, status, status_message, created_by, created_ms,
    outdated_ms)
VALUES ('019c1b2e-7f00-7ccc-8def-000000000004', '019c1b2e-7f00-7aaa-8def-000000000002', 'research', 'research-00000004',
        'active', NULL, '019c1b2e-7f00-7bbb-8def-000000000003', 1700000000024, 1800000000000);
INSERT INTO sessions (id_hash, user_id, data, created_ms, last_seen_ms, idle_expires_ms, absolute_expires_ms, address,
    user_agent, account_id, support)
VALUES ('2222222233334444555566666666666677777777888888889999999900000000', '019c1b2e-7f00-7bbb-8def-000000000001', '{}',
        1800000000000, 1800000000000, 1800028800000, 1800604800000, '192.0.2.1', 'Firefox',
        '019c1b2e-7f00-7aaa-8def-000000000002', TRUE);
INSERT INTO invitations (id, account_id, email, role, token_hash, invited_by, created_ms, expires_ms, accepted_ms,
    revoked_ms)
VALUES ('019c1b2e-7f00-7111-8def-000000000001', '019c1b2e-7f00-7aaa-8def-000000000001', 'eve@example.com', 'member',
        'invitation-hash', '019c1b2e-7f00-7bbb-8def-000000000001', 1800000000000, 1800432000000, NULL, NULL);
INSERT INTO audit (id, at_ms, account_id, actor, action, target, detail, address, request_id)
VALUES ('019c1b2e-7f00-7fff-8def-000000000004', 1700000000020, '019c1b2e-7f00-7aaa-8def-000000000002', 'user:ada',
        'account.created', 'account:2', '', '192.0.2.1', 'r-4');
