-- What schema 17 brought: a rule about idle GPUs.
INSERT INTO idle_gpu_rules (namespace_id, action, warn_minutes, stop_minutes)
VALUES ('019c1b2e-7f00-7ccc-8def-000000000004', 'stop', 20, 90);
