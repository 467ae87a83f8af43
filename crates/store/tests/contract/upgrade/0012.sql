-- What schema 12 brought: a pod that runs, what ended before it, the mark of the meter, a budget.
INSERT INTO usage_records (id, account_id, namespace_id, namespace, kubernetes_name, member_id, member, pod_uid, pod,
    origin_pod, origin_namespace, sku, engine, runtime_class, price_micros, currency, month, started_ms, ended_ms)
VALUES ('019c1b2e-7f00-7444-8def-000000000001', '019c1b2e-7f00-7aaa-8def-000000000001',
        '019c1b2e-7f00-7ccc-8def-000000000001', 'team-ml', 'team-ml-00000001', '019c1b2e-7f00-7bbb-8def-000000000001',
        'ada@example.com', 'uid-1', 'train', 'train', 'team-ml-00000001', 'gpu-h100-1x', 'local', '', 3290000, 'EUR',
        24324, 1800000000000, NULL);
INSERT INTO usage_days (account_id, day, namespace_id, member_id, sku, currency, namespace, member, seconds, micros)
VALUES ('019c1b2e-7f00-7aaa-8def-000000000001', 20833, '019c1b2e-7f00-7ccc-8def-000000000001',
        '019c1b2e-7f00-7bbb-8def-000000000001', 'gpu-h100-1x', 'EUR', 'team-ml', 'ada@example.com', 3600, 3290000);
INSERT INTO usage_meter (one, seen_ms) VALUES (1, 1800000000000);
INSERT INTO budgets (id, account_id, namespace_id, amount_micros, currency, warn_at, hard_stop, month, reached, stopped,
    created_ms)
VALUES ('019c1b2e-7f00-7555-8def-000000000001', '019c1b2e-7f00-7aaa-8def-000000000001', NULL, 100000000, 'EUR',
        '[80,100]', TRUE, 24324, 80, FALSE, 1800000000000);
