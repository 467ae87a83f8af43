-- What schema 13 brought: a namespace with a number and a label of the tenant API, and somebody whose tokens were ended.
INSERT INTO sequences (name, last) VALUES ('tenant', 41);
INSERT INTO tenant_numbers (number, namespace_id) VALUES (41, '019c1b2e-7f00-7ccc-8def-000000000004');
UPDATE namespaces SET tenant_number = 41, tenant_label = 'Our research', activated_ms = 1700000000050
WHERE id = '019c1b2e-7f00-7ccc-8def-000000000004';
UPDATE users SET token_version = 3 WHERE id = '019c1b2e-7f00-7bbb-8def-000000000003';
