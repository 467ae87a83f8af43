-- What schema 16 brought: a generated manifest that may be fetched for an hour.
INSERT INTO engine_manifests (id, input, expires_ms)
VALUES ('0123456789abcdef0123456789abcdef',
        '{"engine_name":"onprem-2","preset":"least_rights","namespace":"gpus","service_account":"console","features":["pods"],"write_scope":"listed_namespaces","namespaces":["more"],"token":"long_lived","self_renewal":false}',
        1800003600000);
