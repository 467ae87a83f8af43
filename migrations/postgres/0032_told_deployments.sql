-- What webhooks were told of the Deployments in the cluster, whoever ordered them. Written with the messages. No references:
-- that one is gone is told after its namespace went.
CREATE TABLE told_deployments (
    uid TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL,
    namespace_id TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    generation BIGINT NOT NULL,
    replicas BIGINT NOT NULL,
    -- That this generation was available, and that it failed.
    available BOOLEAN NOT NULL,
    failed BOOLEAN NOT NULL
);
