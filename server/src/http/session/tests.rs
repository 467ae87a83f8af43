//! The session table over a map, and the cookie it makes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use axum::routing::post;
use axum::{Extension, Router};
use backend::ports::{Clock, Sessions};
use domain::id::{SessionId, UserId};
use domain::session::Acting;
use jiff::{SignedDuration, Timestamp};
use tower::ServiceExt as _;
use tower_sessions::SessionStore as _;
use tower_sessions::session::Record;

use super::*;

const SOMEBODY: &str = "019c1b2e-7f00-7abc-8def-0123456789ab";
const A_SESSION: &str = "019c1b2e-7f00-7abc-8def-0123456789ac";

#[derive(Default)]
struct Rows(Mutex<HashMap<String, SessionRecord>>);

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }
}

#[async_trait]
impl Sessions for Rows {
    async fn create_session(&self, session: &SessionRecord) -> Result<bool> {
        let mut rows = self.0.lock().unwrap();
        let free = !rows.contains_key(&session.id_hash);
        rows.entry(session.id_hash.clone()).or_insert_with(|| session.clone());
        Ok(free)
    }
    async fn save_session(&self, id_hash: &str, data: &str) -> Result<bool> {
        let mut rows = self.0.lock().unwrap();
        Ok(rows.get_mut(id_hash).map(|row| row.data = data.to_owned()).is_some())
    }
    async fn load_session(&self, id_hash: &str, _: Timestamp) -> Result<Option<SessionRecord>> {
        Ok(self.0.lock().unwrap().get(id_hash).cloned())
    }
    async fn peek_session(&self, id_hash: &str, now: Timestamp) -> Result<Option<SessionRecord>> {
        self.load_session(id_hash, now).await
    }
    async fn act_in(&self, id_hash: &str, acting: Acting) -> Result<bool> {
        let mut rows = self.0.lock().unwrap();
        Ok(rows.get_mut(id_hash).map(|row| row.acting = acting).is_some())
    }
    async fn delete_session(&self, id_hash: &str) -> Result<()> {
        self.0.lock().unwrap().remove(id_hash);
        Ok(())
    }
    async fn delete_expired_sessions(&self, _: Timestamp, _: u32) -> Result<u64> {
        Ok(0)
    }
}

fn begun(operator: bool) -> SessionRecord {
    let (id, user) = (SessionId::parse(A_SESSION).unwrap(), UserId::parse(SOMEBODY).unwrap());
    SessionRecord { address: "10.0.0.1".into(), ..SessionRecord::begin(id, user, operator, Noon.now()) }
}

fn record(operator: bool) -> Record {
    let data = [(ROW.to_owned(), serde_json::to_value(begun(operator)).unwrap())].into();
    Record { id: Default::default(), data, expiry_date: time::OffsetDateTime::UNIX_EPOCH }
}

fn table() -> (Arc<Rows>, SessionTable) {
    let rows = Arc::new(Rows::default());
    (rows.clone(), SessionTable::new(rows, Arc::new(Noon)))
}

#[tokio::test]
async fn the_table_never_sees_the_id_of_the_cookie() {
    let (rows, table) = table();
    let mut record = record(false);
    table.create(&mut record).await.unwrap();
    let rows = rows.0.lock().unwrap();
    let row = rows.values().next().unwrap();
    assert_eq!(row.id_hash.len(), 64);
    assert!(!row.id_hash.contains(&record.id.to_string()) && !row.data.contains(&record.id.to_string()));
    assert_eq!(
        (row.user_id.to_string().as_str(), row.address.as_str(), row.data.as_str()),
        (SOMEBODY, "10.0.0.1", "{}")
    );
}

#[tokio::test]
async fn operators_sessions_end_earlier() {
    for (operator, idle, absolute) in [(false, 8, 7 * 24), (true, 1, 12)] {
        let (rows, table) = table();
        table.create(&mut record(operator)).await.unwrap();
        let rows = rows.0.lock().unwrap();
        let row = rows.values().next().unwrap();
        assert_eq!(row.idle_expires_at.duration_since(Noon.now()), SignedDuration::from_hours(idle));
        assert_eq!(row.absolute_expires_at.duration_since(Noon.now()), SignedDuration::from_hours(absolute));
    }
}

#[tokio::test]
async fn a_taken_id_gets_another_one() {
    let (rows, table) = table();
    let mut first = record(false);
    table.create(&mut first).await.unwrap();
    let mut second = Record { id: first.id, ..record(false) };
    table.create(&mut second).await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(rows.0.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_slow_request_cannot_revive_an_ended_session() {
    let (rows, table) = table();
    let mut record = record(false);
    table.create(&mut record).await.unwrap();
    table.delete(&record.id).await.unwrap();
    table.save(&record).await.unwrap();
    assert!(rows.0.lock().unwrap().is_empty() && table.load(&record.id).await.unwrap().is_none());
}

#[tokio::test]
async fn nobody_is_stored_without_a_user() {
    let (rows, table) = table();
    let mut anonymous = Record { data: Default::default(), ..record(false) };
    assert!(table.create(&mut anonymous).await.is_err());
    assert!(rows.0.lock().unwrap().is_empty());
}

/// A tiny site: `/in` signs in, `/out` signs out.
fn site(url: &PublicUrl) -> (Arc<Rows>, Router) {
    async fn enter(Extension(session): Extension<Session>) {
        session.cycle_id().await.unwrap();
        session.insert(ROW, begun(false)).await.unwrap();
        session.save().await.unwrap();
    }
    async fn leave(Extension(session): Extension<Session>) {
        session.flush().await.unwrap();
    }
    let (rows, table) = table();
    let layer = SessionManagerLayer::new(table)
        .with_name(url.cookie_name())
        .with_same_site(SameSite::Lax)
        .with_secure(url.is_https());
    let router = Router::new()
        .route("/in", post(enter))
        .route("/out", post(leave))
        .layer(layer)
        .layer(from_fn_with_state(url.clone(), complete_removal));
    (rows, router)
}

async fn cookie(router: &Router, path: &str, cookie: &str) -> String {
    let request = Request::post(path).header("cookie", cookie).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    response.headers().get(SET_COOKIE).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn the_cookie_and_its_removal_carry_the_same_attributes() {
    let url = PublicUrl::new(Some("https://console.example.com"), "0.0.0.0:1".parse().unwrap()).unwrap();
    let (rows, router) = site(&url);
    let set = cookie(&router, "/in", "").await;
    assert!(set.starts_with("__Host-remotegpu="), "{set}");
    assert!(set.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/"), "{set}");
    let removed = cookie(&router, "/out", set.split(';').next().unwrap()).await;
    assert_eq!(removed, "__Host-remotegpu=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0");
    assert!(rows.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn signing_in_again_kills_the_old_id() {
    let url = PublicUrl::new(None, "127.0.0.1:1".parse().unwrap()).unwrap();
    let (rows, router) = site(&url);
    let first = cookie(&router, "/in", "").await;
    assert!(first.starts_with("remotegpu=") && !first.contains("Secure"), "{first}");
    let second = cookie(&router, "/in", first.split(';').next().unwrap()).await;
    assert_ne!(first, second);
    assert_eq!(rows.0.lock().unwrap().len(), 1);
}
