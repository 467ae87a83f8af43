//! The Lease: one leads, another takes over, and no clock of anybody else decides.
//! Time runs faster here than in production; the order of events is what is tested.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Clock, Leadership as _, Random};
use cluster::{Candidate, KubeCluster, Leader, Timing};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::given::{Plane, console, console_from, eventually, plane, tenant};
use crate::outage::{Proxy, detour};

/// As short as a busy machine allows: whoever cannot write for so long leads no longer, and rightly so.
const QUICK: Timing = Timing {
    lease: Duration::from_millis(8000),
    deadline: Duration::from_millis(6000),
    retry: Duration::from_millis(100),
};

/// A clock that is wrong.
struct Skewed(SignedDuration);

impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        Timestamp::now() + self.0
    }
}

struct Dice;

impl Random for Dice {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(0)
    }

    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// A candidate in its task.
struct Running {
    leader: Arc<Leader>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn stand(console: &KubeCluster, lease: &str, identity: &str, timing: Timing, skew: SignedDuration) -> Running {
    let (clock, random) = (Arc::new(Skewed(skew)), Arc::new(Dice));
    let leader = console.stand(Candidate { lease: lease.into(), identity: identity.into(), clock, random, timing });
    let (running, stop) = (leader.clone(), CancellationToken::new());
    let shutdown = stop.clone();
    Running { leader, stop, task: tokio::spawn(async move { running.campaign(shutdown).await }) }
}

async fn running(lease: &str, identity: &str, timing: Timing) -> Running {
    stand(&console().await, lease, identity, timing, SignedDuration::ZERO)
}

impl Running {
    async fn until_it_leads(&self) {
        eventually("it leads", async || self.leader.leads().then_some(())).await;
    }
}

fn leases(plane: &Plane) -> Api<Lease> {
    Api::namespaced(plane.admin.clone(), "remotegpu-system")
}

fn name() -> String {
    format!("test-{}", tenant().id)
}

async fn holder(plane: &Plane, lease: &str) -> Option<String> {
    leases(plane).get(lease).await.unwrap().spec.unwrap().holder_identity
}

/// Waits for so many renewals, and looks on at each.
async fn renewals(plane: &Plane, lease: &str, count: usize, look: impl Fn()) {
    let mut seen = None;
    for _ in 0..=count {
        seen = eventually("a renewal", async || {
            look();
            let version = leases(plane).get(lease).await.unwrap().metadata.resource_version;
            (version != seen).then_some(version)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_candidates_one_leads_and_goes_on_leading() {
    let (plane, lease) = (plane().await, name());
    let (one, other) = (running(&lease, "one", QUICK).await, running(&lease, "other", QUICK).await);
    let leader =
        eventually("one leads", async || [&one, &other].into_iter().position(|candidate| candidate.leader.leads()))
            .await;
    let (leads, waits) = if leader == 0 { (&one, &other) } else { (&other, &one) };
    let before = holder(&plane, &lease).await;
    // For longer than one claim lasts.
    renewals(&plane, &lease, 60, || assert!(leads.leader.leads() && !waits.leader.leads())).await;
    assert_eq!(holder(&plane, &lease).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_dies_another_takes_over_after_its_claim_has_ended() {
    let (plane, lease) = (plane().await, name());
    let first = running(&lease, "first", QUICK).await;
    first.until_it_leads().await;
    let second = running(&lease, "second", QUICK).await;
    renewals(&plane, &lease, 2, || assert!(!second.leader.leads())).await;
    first.task.abort();
    second.until_it_leads().await;
    assert!(!first.leader.leads(), "its claim ended before");
    first.leader.lost().await;
    assert_eq!(holder(&plane, &lease).await.as_deref(), Some("second"));
    let changes = leases(&plane).get(&lease).await.unwrap().spec.unwrap().lease_transitions;
    assert_eq!(changes, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_resigns_is_followed_at_once() {
    let (plane, lease) = (plane().await, name());
    // Nobody would wait for this Lease to run out.
    let patient = Timing { lease: Duration::from_secs(3600), ..QUICK };
    let first = running(&lease, "first", patient).await;
    first.until_it_leads().await;
    let second = running(&lease, "second", patient).await;
    first.stop.cancel();
    first.task.await.unwrap();
    assert!(!first.leader.leads());
    second.until_it_leads().await;
    assert_eq!(holder(&plane, &lease).await.as_deref(), Some("second"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_an_hour_off_steals_nothing_and_loses_nothing() {
    for hours in [-1, 1] {
        let (plane, lease) = (plane().await, name());
        let skewed = stand(&console().await, &lease, "skewed", QUICK, SignedDuration::from_hours(hours));
        skewed.until_it_leads().await;
        let right = running(&lease, "right", QUICK).await;
        renewals(&plane, &lease, 10, || assert!(skewed.leader.leads() && !right.leader.leads())).await;
        skewed.stop.cancel();
        right.until_it_leads().await;
        let again = stand(&console().await, &lease, "again", QUICK, SignedDuration::from_hours(hours));
        renewals(&plane, &lease, 10, || assert!(right.leader.leads() && !again.leader.leads())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_api_server_nobody_leads() {
    let (plane, lease) = (plane().await, name());
    let server = plane.server();
    let (free, folder) = detour(&server, &lease).await;
    let proxy = Proxy::start(free, server.clone()).await;
    let console = console_from(&folder).await;
    let candidate = stand(&console, &lease, "cut off", QUICK, SignedDuration::ZERO);
    candidate.until_it_leads().await;
    drop(proxy);
    let lost = tokio::time::timeout(Duration::from_secs(60), candidate.leader.lost());
    lost.await.expect("the claim ends by itself");
    let _proxy = Proxy::start(free, server).await;
    candidate.until_it_leads().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_given_to_somebody_else_is_let_go() {
    let (plane, lease) = (plane().await, name());
    let patient = Timing { lease: Duration::from_secs(3600), ..QUICK };
    let candidate = running(&lease, "first", patient).await;
    candidate.until_it_leads().await;
    let patch = Patch::Merge(json!({"spec": {"holderIdentity": "an operator"}}));
    leases(&plane).patch(&lease, &PatchParams::default(), &patch).await.unwrap();
    eventually("it lets go", async || (!candidate.leader.leads()).then_some(())).await;
    assert_eq!(holder(&plane, &lease).await.as_deref(), Some("an operator"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_by_another_hand_costs_the_leader_one_round_only() {
    let (plane, lease) = (plane().await, name());
    let candidate = running(&lease, "first", QUICK).await;
    candidate.until_it_leads().await;
    let patch = Patch::Merge(json!({"metadata": {"annotations": {"note": "seen"}}}));
    leases(&plane).patch(&lease, &PatchParams::default(), &patch).await.unwrap();
    renewals(&plane, &lease, 3, || {}).await;
    candidate.until_it_leads().await;
    assert_eq!(holder(&plane, &lease).await.as_deref(), Some("first"));
}

#[test]
fn a_call_that_the_leader_has_begun_ends_before_anybody_else_leads() {
    let timing = Timing::default();
    assert_eq!((timing.lease.as_secs(), timing.deadline.as_secs(), timing.retry.as_secs()), (15, 10, 2));
    // The limit of one call of this crate.
    assert!(timing.lease - timing.deadline >= Duration::from_secs(5));
}
