//! What webhooks were told of Deployments, stored with the messages: a step is taken once, from exactly the state that
//! it begins with, whoever takes it.

use domain::id::NamespaceId;
use domain::webhook::Topic;
use domain::webhook::deployment::{DeploymentStep, ToldDeployment};
use domain::{Error, Result};
use jiff::Timestamp;

use crate::error::translate;
use crate::pool::{Pool, enter, on_db};
use crate::row::{all, ms, stored};

#[derive(sqlx::FromRow)]
struct ToldRow {
    uid: String,
    namespace_id: String,
    name: String,
    generation: i64,
    replicas: i64,
    available: bool,
    failed: bool,
}

impl TryFrom<ToldRow> for ToldDeployment {
    type Error = Error;
    fn try_from(row: ToldRow) -> Result<Self> {
        Ok(Self {
            uid: row.uid,
            namespace_id: stored(NamespaceId::parse, &row.namespace_id)?,
            name: row.name,
            generation: row.generation,
            replicas: u32::try_from(row.replicas).map_err(Error::internal)?,
            available: row.available,
            failed: row.failed,
        })
    }
}

pub(super) async fn told(pool: &Pool) -> Result<Vec<ToldDeployment>> {
    let text = "SELECT uid, namespace_id, name, generation, replicas, available, failed FROM told_deployments";
    let rows = on_db!(read pool, db => sqlx::query_as::<_, ToldRow>(text).fetch_all(db).await);
    all(rows.map_err(translate)?)
}

pub(super) async fn tell(pool: &Pool, steps: &[DeploymentStep], now: Timestamp) -> Result<()> {
    enter!(pool, tx => {
        for step in steps {
            // The account, if the step is taken here.
            let taken: Option<String> = match (&step.before, &step.after) {
                (None, Some(after)) => sqlx::query_scalar(INSERT)
                    .bind(&after.uid)
                    .bind(after.namespace_id.to_string())
                    .bind(&after.name)
                    .bind(after.generation)
                    .bind(i64::from(after.replicas))
                    .bind(after.available)
                    .bind(after.failed)
                    .fetch_optional(&mut *tx)
                    .await?,
                (Some(before), Some(after)) => sqlx::query_scalar(UPDATE)
                    .bind(&before.uid)
                    .bind(before.generation)
                    .bind(before.available)
                    .bind(before.failed)
                    .bind(after.generation)
                    .bind(i64::from(after.replicas))
                    .bind(after.available)
                    .bind(after.failed)
                    .fetch_optional(&mut *tx)
                    .await?,
                (Some(before), None) => sqlx::query_scalar(
                    "DELETE FROM told_deployments WHERE uid = $1 RETURNING account_id",
                )
                .bind(&before.uid)
                .fetch_optional(&mut *tx)
                .await?,
                (None, None) => None,
            };
            let (Some(account), Some(subject)) = (taken, step.subject()) else { continue };
            for news in &step.news {
                sqlx::query(DELIVER)
                    .bind(news.id.to_string())
                    .bind(news.kind)
                    .bind(&account)
                    .bind(subject.target())
                    .bind(&subject.name)
                    .bind(&news.detail)
                    .bind(ms(now))
                    .bind(format!("%,{},%", Topic::DeploymentState.as_str()))
                    .execute(&mut *tx)
                    .await?;
            }
        }
        Ok(Some(()))
    })
    .map(drop)
    .map_err(translate)
}

/// Only in namespaces of ours: another installation may have some in the same cluster.
const INSERT: &str =
    "INSERT INTO told_deployments (uid, account_id, namespace_id, name, generation, replicas, available,
         failed)
     SELECT $1, n.account_id, n.id, $3, $4, $5, $6, $7 FROM namespaces n WHERE n.id = $2
     ON CONFLICT (uid) DO NOTHING RETURNING account_id";

const UPDATE: &str = "UPDATE told_deployments SET generation = $5, replicas = $6, available = $7, failed = $8
     WHERE uid = $1 AND generation = $2 AND available = $3 AND failed = $4 RETURNING account_id";

const DELIVER: &str = "INSERT INTO webhook_deliveries (webhook_id, id, kind, account_id, target, target_name, outcome,
         detail, at_ms, state, next_ms)
     SELECT w.id, $1, $2, $3, $4, $5, 'success', $6, $7, 'waiting', $7
     FROM webhooks w WHERE w.disabled_ms IS NULL AND w.account_id = $3 AND w.topics LIKE $8";
