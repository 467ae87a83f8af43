-- SkyPilot access of namespaces: the wish of its user; the reconciler carries it out.

CREATE TABLE skypilot_access (
    namespace_id TEXT NOT NULL PRIMARY KEY REFERENCES namespaces (id) ON DELETE CASCADE,
    service_account TEXT NOT NULL,
    -- Words of the wire, comma separated.
    features TEXT NOT NULL,
    -- What an operator allowed of what reaches beyond the namespace.
    approved TEXT NOT NULL,
    -- FALSE while it is being taken away; then the row goes.
    wanted BOOLEAN NOT NULL,
    -- Grows with each change; the cluster holds what `applied` says.
    ticket BIGINT NOT NULL,
    applied BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL
);
CREATE INDEX skypilot_access_to_apply ON skypilot_access (namespace_id) WHERE ticket <> applied;

-- Kubeconfigs whose identity is the ServiceAccount. Their tokens are nowhere.
CREATE TABLE skypilot_kubeconfigs (
    id TEXT NOT NULL PRIMARY KEY,
    namespace_id TEXT NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    service_account TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT,
    -- The Secret that the token hung on is gone.
    ended BOOLEAN NOT NULL
);
CREATE INDEX skypilot_kubeconfigs_by_namespace ON skypilot_kubeconfigs (namespace_id, id);
