//! The contract of `ports::Store` and `ports::Sessions`: every function in these files runs on SQLite (a temporary file)
//! and on PostgreSQL (`REMOTEGPU_TEST_POSTGRES=postgres://…`, each test in a schema of its own).
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of this crate is a test")]

/// Makes `sqlite::name` and `postgres::name` of each `async fn name(db: &Database)`.
macro_rules! on_both_engines {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&$crate::database::Database::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(db) = $crate::database::Database::postgres().await {
                    super::$name(&db).await;
                    db.drop_schema().await;
                }
            })*
        }
    };
}

mod account;
mod api_key;
mod audit;
mod audit_chain;
mod audit_list;
mod audit_role;
mod budget;
mod cli_session;
mod connect;
mod credential;
mod database;
mod default_sku;
mod engine;
mod engine_manifest;
mod figures;
mod given;
mod identity;
mod idle_gpu;
mod invitation;
mod login;
mod member;
mod meter;
mod namespace;
mod order;
mod password;
mod platform_account;
mod request;
mod revocation;
mod session;
mod skypilot;
mod tenant;
mod upgrade;
mod usage;
mod user;
mod webhook;
