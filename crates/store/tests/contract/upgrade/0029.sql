-- What schema 29 brought: a pod that a key ordered and that runs, and the key's part of a day.
INSERT INTO usage_records (id, account_id, namespace_id, namespace, kubernetes_name, member_id, member, pod_uid, pod,
    origin_pod, origin_namespace, sku, engine, runtime_class, price_micros, currency, month, started_ms, ended_ms, key_id,
    key_name)
VALUES ('019c1b2e-7f00-7444-8def-000000000002', '019c1b2e-7f00-7aaa-8def-000000000002',
        '019c1b2e-7f00-7ccc-8def-000000000004', 'research', 'research-00000004', '019c1b2e-7f00-7bbb-8def-000000000003',
        'carol@example.com', 'uid-2', 'fit', 'fit', 'research-00000004', 'gpu-h100-1x', 'local', '', 3290000, 'EUR', 24324,
        1800000000000, NULL, '019c1b2e-7f00-7ddd-8def-000000000003', 'rotated');
INSERT INTO usage_days (account_id, day, namespace_id, member_id, sku, currency, namespace, member, seconds, micros)
VALUES ('019c1b2e-7f00-7aaa-8def-000000000002', 20833, '019c1b2e-7f00-7ccc-8def-000000000004',
        '019c1b2e-7f00-7bbb-8def-000000000003', 'gpu-h100-1x', 'EUR', 'research', 'carol@example.com', 3600, 3290000);
INSERT INTO usage_key_days (account_id, day, namespace_id, member_id, sku, currency, key_id, key_name, seconds, micros)
VALUES ('019c1b2e-7f00-7aaa-8def-000000000002', 20833, '019c1b2e-7f00-7ccc-8def-000000000004',
        '019c1b2e-7f00-7bbb-8def-000000000003', 'gpu-h100-1x', 'EUR', '019c1b2e-7f00-7ddd-8def-000000000003', 'rotated',
        1800, 1645000);
