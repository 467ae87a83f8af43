-- What is done about idle GPUs in a namespace; without a row the default holds.

CREATE TABLE idle_gpu_rules (
    namespace_id TEXT NOT NULL PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
    -- `off`, `warn` or `stop`.
    action TEXT NOT NULL,
    warn_minutes BIGINT NOT NULL,
    stop_minutes BIGINT NOT NULL
);
