//! Ends in time, with a clock that the test moves: a code after a minute, a token after 30 idle days or 90 days.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use backend::ports::{Clock, Sessions as _, Users as _};
use backend::{Caller, Parts, Pepper, Proof};
use domain::cli_session::{LoginQuery, LoginRequest};
use domain::id::SessionId;
use domain::kubeconfig::Endpoints;
use domain::session::{Acting, SessionRecord};
use domain::user::{Email, Role};
use domain::{Code, Error};
use jiff::Timestamp;
use secrecy::SecretString;
use store::SqlStore;
use testkit::Scratch;

use super::*;
use crate::no_cluster::NoCluster;
use crate::system::SystemRandom;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const DAY: i64 = 24 * 3600;

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// Use cases over a database of their own, somebody in a browser, and the clock in the test's hand.
struct Stand {
    backend: Backend,
    clock: Arc<Hand>,
    browser: Caller,
    _folder: Scratch,
}

fn origin() -> Origin {
    Origin { address: "192.0.2.7".into(), user_agent: "test".into(), request_id: "r".into(), head_only: false }
}

fn link() -> LoginRequest {
    let query = LoginQuery {
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
        redirect_port: "50123".into(),
        state: "0123456789abcdef".into(),
        name: "laptop".into(),
    };
    LoginRequest::check(&query).unwrap()
}

impl Stand {
    async fn new() -> Self {
        let folder = Scratch::new();
        let url = format!("sqlite://{}", folder.path().join("x.sqlite").display());
        let keys = Arc::new(backend::AuditKeys::from_hex_lines(&"a5".repeat(32)).unwrap());
        let (store, clock) = (SqlStore::connect(&url, keys).await.unwrap(), Arc::new(Hand(AtomicI64::new(0))));
        let endpoints =
            Endpoints { cluster_server: String::new(), cluster_ca_pem: String::new(), console_url: String::new() };
        let backend = Backend::new(Parts {
            store: Arc::new(store.clone()),
            cluster: Arc::new(NoCluster),
            leadership: Arc::new(NoCluster),
            clock: clock.clone(),
            random: Arc::new(SystemRandom),
            pepper: Pepper::from_hex(&"5a".repeat(32)).unwrap(),
            probe: Arc::new(NoCluster),
            envelope: backend::Envelope::from_hex_lines(&"3c".repeat(32)).unwrap(),
            endpoints,
            jwt: None,
        });
        let password = SecretString::from("a-password-for-tests");
        backend.bootstrap("ada@example.com", &password).await.unwrap();
        let member = store.member_by_email(&Email::new("ada@example.com").unwrap()).await.unwrap().unwrap();
        let session = SessionRecord::begin(SessionId::new(uuid::Uuid::now_v7()), member.user.id, true, clock.now());
        assert!(store.create_session(&session).await.unwrap());
        let proof = Proof { session_id: Some(session.id), authenticated_at: clock.now() };
        let browser = backend.caller(member.user.id, Acting::default(), proof, origin()).await.unwrap();
        Self { backend, clock, browser, _folder: folder }
    }

    fn at(&self, second: i64) {
        self.clock.0.store(second, Ordering::SeqCst);
    }

    async fn code(&self) -> String {
        let callback = self.backend.allow_cli_login(&self.browser, &link()).await.unwrap();
        callback.split(['=', '&']).nth(1).unwrap().to_owned()
    }

    async fn trade(&self, code: String) -> domain::Result<String> {
        let new = NewCliSession { code, code_verifier: VERIFIER.into() };
        Ok(self.backend.begin_cli_session(&origin(), &new).await?.token)
    }

    async fn who(&self, token: &str) -> Option<Caller> {
        self.backend.cli_caller(token, &origin()).await.unwrap()
    }
}

#[tokio::test]
async fn a_code_lives_for_a_minute() {
    let stand = Stand::new().await;
    let (in_time, late) = (stand.code().await, stand.code().await);
    stand.at(59);
    assert!(stand.trade(in_time).await.is_ok());
    stand.at(60);
    assert!(matches!(stand.trade(late).await, Err(Error::Invalid(_))), "dead at the very second");
}

#[tokio::test]
async fn a_token_ends_after_thirty_idle_days_and_after_ninety_in_any_case() {
    let stand = Stand::new().await;
    let (idle, used) = (stand.trade(stand.code().await).await.unwrap(), stand.trade(stand.code().await).await.unwrap());
    for day in [20, 40, 60, 80] {
        stand.at(day * DAY);
        assert!(stand.who(&used).await.is_some(), "day {day}");
    }
    assert!(stand.who(&idle).await.is_none());
    stand.at(90 * DAY - 1);
    assert!(stand.who(&used).await.is_some());
    stand.at(90 * DAY);
    assert!(stand.who(&used).await.is_none());
}

#[tokio::test]
async fn a_token_is_never_a_recent_proof_of_identity_and_makes_no_other() {
    let stand = Stand::new().await;
    let caller = stand.who(&stand.trade(stand.code().await).await.unwrap()).await.unwrap();
    assert_eq!((caller.user.id, caller.role), (stand.browser.user.id, Role::Owner));
    let refused = stand.backend.require_recent_login(&caller).unwrap_err();
    assert_eq!(refused.code(), Code::ReauthenticationRequired);
    let renewed = stand.backend.allow_cli_login(&caller, &link()).await.unwrap_err();
    assert_eq!(renewed.code(), Code::Forbidden);
}
