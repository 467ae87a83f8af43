-- What schema 28 brought: a namespace with a share of its own.
UPDATE namespaces SET share = '{"gpus":1,"gpu_classes":{"h100":1}}' WHERE id = '019c1b2e-7f00-7ccc-8def-000000000004';
