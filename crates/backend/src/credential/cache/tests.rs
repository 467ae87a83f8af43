use std::sync::atomic::AtomicUsize;

use domain::credential::Access;
use uuid::Uuid;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn slot(key: &str) -> Slot {
    let identity = Identity::Key { key: PublicId::from_trusted(key.into()), generation: 1, access: Access::Edit };
    Slot { identity, namespace: NamespaceId::new(Uuid::from_u128(7)) }
}

fn token(issued: i64, expires: i64) -> Landing {
    Ok(Arc::new(CachedToken {
        token: SecretString::from("t"),
        credential: CredentialId::new(Uuid::from_u128(1)),
        issued_at: at(issued),
        expires_at: at(expires),
        noted: AtomicI64::new(issued),
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
    let calls = (0..100).map(|_| cache.get(slot("a"), at(0), flight(&count, token(0, 3600))));
    assert!(futures::future::join_all(calls).await.iter().all(Result::is_ok));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_token_is_reused_until_half_of_its_life_is_over() {
    let (cache, count) = (TokenCache::default(), Arc::new(AtomicUsize::new(0)));
    for (now, flights) in [(0, 1), (1800, 1), (1801, 2)] {
        cache.get(slot("a"), at(now), flight(&count, token(now, now + 3600))).await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), flights, "at {now} s");
    }
}

#[tokio::test]
async fn two_keys_never_share_a_token() {
    let (cache, count) = (TokenCache::default(), Arc::new(AtomicUsize::new(0)));
    for key in ["a", "b"] {
        cache.get(slot(key), at(0), flight(&count, token(0, 3600))).await.unwrap();
    }
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn errors_are_never_kept() {
    let (cache, count) = (TokenCache::default(), Arc::new(AtomicUsize::new(0)));
    let failed = cache.get(slot("a"), at(0), flight(&count, Err(Arc::new(Error::cluster("down"))))).await;
    assert!(matches!(failed, Err(Error::Unavailable { .. })));
    cache.get(slot("a"), at(0), flight(&count, token(0, 3600))).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_key_revoked_in_flight_is_not_put_away() {
    let (cache, count) = (TokenCache::default(), Arc::new(AtomicUsize::new(0)));
    let call = cache.get(slot("a"), at(0), flight(&count, token(0, 3600)));
    let (_, result) = tokio::join!(async { cache.forget_key(&PublicId::from_trusted("a".into())) }, call);
    result.unwrap();
    cache.forget_key(&PublicId::from_trusted("a".into()));
    cache.get(slot("a"), at(0), flight(&count, token(0, 3600))).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn a_hand_out_is_noted_at_most_once_a_minute() {
    let token = token(0, 3600).unwrap();
    assert!(!token.due_for_note(at(59)));
    assert!(token.due_for_note(at(60)));
    assert!(!token.due_for_note(at(61)));
}
