-- What schema 11 brought: an engine of an account with a check of it, and one of the platform.
INSERT INTO engines (id, account_id, owner, name, ecosystem, settings, credentials, auth, status, status_reason, failures,
    facts, cluster_uid, last_check_ms, last_full_ms, next_check_ms, created_ms, revision)
VALUES ('019c1b2e-7f00-7999-8def-000000000001', '019c1b2e-7f00-7aaa-8def-000000000002',
        '019c1b2e-7f00-7aaa-8def-000000000002', 'onprem-1', 'eu',
        '{"kind":"on_premise","api_url":{"host":"kubernetes.example.com","port":6443},"load_balancer_ip":"192.0.2.20","ca_pem":null,"features":["pods","logs"],"namespaces":["pods"],"gpus":[{"model":"NVIDIA-H100-80GB-HBM3","count":8}]}',
        'sealed-engine-1',
        '{"method":"bearer_token","identity":"system:serviceaccount:aichor:console","issued_at":null,"expires_at":"2027-02-01T00:00:00Z","set_at":"2027-01-01T00:00:00Z"}',
        'degraded', 'a right is lacking', 2, '{"version":"v1.33.1","cluster_uid":"cluster-1"}', 'cluster-1', 1800000000000,
        1799990000000, 1800000300000, 1790000000000, 4),
       ('019c1b2e-7f00-7999-8def-000000000002', NULL, '', 'docker-1', '',
        '{"kind":"docker","endpoint":"unix:///run/docker.sock","ca_pem":null}', 'sealed-engine-2',
        '{"method":"none","identity":"","issued_at":null,"expires_at":null,"set_at":"2027-01-01T00:00:00Z"}', 'ready', '',
        0, '{}', '', NULL, NULL, 1800000300000, 1790000000000, 1);
INSERT INTO engine_checks (engine_id, at_ms, depth, report)
VALUES ('019c1b2e-7f00-7999-8def-000000000001', 1800000000000, 'full',
        '{"rows":[{"id":"tls-name","status":"warn","message":"The certificate ends soon","fix":""}]}');
