use std::sync::LazyLock;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use domain::credential::Access;
use uuid::Uuid;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Seconds on the clock that nobody sets.
fn tick(second: u64) -> Instant {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    *START + Duration::from_secs(second)
}

fn slot(key: &str) -> Slot {
    let identity = Identity::Key { key: PublicId::from_trusted(key.into()), generation: 1, access: Access::Edit };
    Slot { identity, namespace: NamespaceId::new(Uuid::from_u128(7)) }
}

fn token(issued: u64, expires: u64) -> Landing {
    Ok(Arc::new(CachedToken {
        token: SecretString::from("t"),
        credential: CredentialId::new(Uuid::from_u128(1)),
        expires_at: at(i64::try_from(expires).unwrap()),
        reuse_until: tick(issued + (expires - issued) / 2),
        noted: AtomicI64::new(i64::try_from(issued).unwrap()),
    }))
}

fn flight(count: &Arc<AtomicUsize>, landing: Landing) -> impl FnOnce() -> BoxFuture<'static, Landing> {
    let count = count.clone();
    move || {
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            landing
        }
        .boxed()
    }
}

#[tokio::test]
async fn a_hundred_parallel_callers_cause_one_flight() {
    let (cache, count) = (TokenCache::default(), Arc::new(AtomicUsize::new(0)));
    let calls = (0..100).map(|_| cache.get(slot("a"), tick(0), flight(&count, token(0, 3600))));
    assert!(futures::future::join_all(calls).await.iter().all(Result::is_ok));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_token_is_reused_until_half_of_its_life_is_over() {
    let (cache, count) = (TokenCache::default(), Arc::new(AtomicUsize::new(0)));
    for (now, flights) in [(0, 1), (1800, 1), (1801, 2)] {
        cache.get(slot("a"), tick(now), flight(&count, token(now, now + 3600))).await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), flights, "at {now} s");
    }
}

#[tokio::test]
async fn two_keys_never_share_a_token() {
    let (cache, count) = (TokenCache::default(), Arc::new(AtomicUsize::new(0)));
    for key in ["a", "b"] {
        cache.get(slot(key), tick(0), flight(&count, token(0, 3600))).await.unwrap();
    }
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn errors_are_never_kept() {
    let (cache, count) = (TokenCache::default(), Arc::new(AtomicUsize::new(0)));
    let failed = cache.get(slot("a"), tick(0), flight(&count, Err(Arc::new(Error::cluster("down"))))).await;
    assert!(matches!(failed, Err(Error::Unavailable { .. })));
    cache.get(slot("a"), tick(0), flight(&count, token(0, 3600))).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

/// One caller who hangs up while the flight is under way; returns when it has landed.
async fn abandoned(cache: &TokenCache, flight: impl FnOnce() -> BoxFuture<'static, Landing>) {
    assert!(cache.get(slot("a"), tick(0), flight).now_or_never().is_none(), "the token is still being made");
    while cache.lock().values().any(|state| matches!(state, State::Flying(_))) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_token_whose_callers_hung_up_is_kept_and_not_handed_out_after_its_end() {
    let (cache, count) = (TokenCache::default(), Arc::new(AtomicUsize::new(0)));
    abandoned(&cache, flight(&count, token(0, 3600))).await;
    let (_, reused) = cache.get(slot("a"), tick(1800), flight(&count, token(1800, 5400))).await.unwrap();
    assert!(reused, "it was made, so it is used");
    let (later, reused) = cache.get(slot("a"), tick(7200), flight(&count, token(7200, 10_800))).await.unwrap();
    assert_eq!((later.expires_at, reused), (at(10_800), false));
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_error_whose_callers_hung_up_is_nobodys() {
    let (cache, count) = (TokenCache::default(), Arc::new(AtomicUsize::new(0)));
    abandoned(&cache, flight(&count, Err(Arc::new(Error::cluster("down"))))).await;
    cache.get(slot("a"), tick(60), flight(&count, token(60, 3660))).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_token_past_half_of_its_life_leaves_the_memory() {
    let (cache, count) = (TokenCache::default(), Arc::new(AtomicUsize::new(0)));
    cache.get(slot("a"), tick(0), flight(&count, token(0, 3600))).await.unwrap();
    cache.get(slot("b"), tick(1000), flight(&count, token(1000, 4600))).await.unwrap();
    cache.forget_stale(tick(1801));
    let kept: Vec<Slot> = cache.lock().keys().cloned().collect();
    assert_eq!(kept, [slot("b")]);
}

#[tokio::test]
async fn a_key_revoked_in_flight_is_not_put_away() {
    let (cache, count) = (TokenCache::default(), Arc::new(AtomicUsize::new(0)));
    let call = cache.get(slot("a"), tick(0), flight(&count, token(0, 3600)));
    let (_, result) = tokio::join!(async { cache.forget_key(&PublicId::from_trusted("a".into())) }, call);
    result.unwrap();
    cache.forget_key(&PublicId::from_trusted("a".into()));
    cache.get(slot("a"), tick(0), flight(&count, token(0, 3600))).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn a_hand_out_is_noted_at_most_once_a_minute() {
    let token = token(0, 3600).unwrap();
    assert!(!token.due_for_note(at(59)));
    assert!(token.due_for_note(at(60)));
    assert!(!token.due_for_note(at(61)));
}

#[test]
fn a_clock_set_back_silences_no_note() {
    let token = token(7200, 10_800).unwrap();
    assert!(token.due_for_note(at(3600)));
    assert!(!token.due_for_note(at(3659)));
    assert!(token.due_for_note(at(3660)));
}
