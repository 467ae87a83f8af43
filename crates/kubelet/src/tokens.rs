//! ServiceAccount tokens for pods that ask for one: bound to the pod, kept in memory, renewed at four fifths of their life.
//! Only with a flag for it: a token leaves the cluster with the pod.
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
    core::v1::{Pod, ServiceAccount, ServiceAccountTokenProjection},
};
use kube::{Api, Client, api::PostParams};

/// Life asked for where the pod names none; also the shortest that the API server gives is 600 s.
const LIFE: i64 = 3600;
/// The life that admission writes into the volume that it adds to every pod. API servers take it for a sign of old clients
/// and make such a token good for a year, while they say that it is good for an hour: never asked for.
const LIFE_OF_A_YEAR: i64 = 3607;

/// The tokens of one pod: by audience and life.
#[derive(Default)]
pub(crate) struct Tokens(HashMap<Wanted, Result<String, String>>);

type Wanted = (String, i64);

/// Tokens at hand, by pod UID.
#[derive(Default)]
pub(crate) struct TokenCache(Mutex<HashMap<(String, Wanted), (String, Timestamp)>>);

// === impl Tokens ===

impl Tokens {
    pub(crate) fn get(&self, wanted: &ServiceAccountTokenProjection) -> Result<&str, String> {
        match self.0.get(&key(wanted)) {
            Some(Ok(token)) => Ok(token),
            Some(Err(message)) => Err(message.clone()),
            None => Err("This node gives no ServiceAccount tokens to pods".into()),
        }
    }

    #[cfg(test)]
    pub(crate) fn of(all: &[(&str, &str)]) -> Self {
        let token = |(audience, token): &(&str, &str)| (((*audience).to_owned(), LIFE), Ok((*token).to_owned()));
        Self(all.iter().map(token).collect())
    }
}

fn key(wanted: &ServiceAccountTokenProjection) -> Wanted {
    let life = wanted.expiration_seconds.filter(|life| *life != LIFE_OF_A_YEAR).unwrap_or(LIFE);
    (wanted.audience.clone().unwrap_or_default(), life)
}

// === impl TokenCache ===

impl TokenCache {
    /// The tokens that a pod's volumes ask for, as [`crate::files::token_requests`]; old ones while they are fresh enough.
    pub(crate) async fn fetch(&self, client: &Client, pod: &Pod, api_access: bool) -> Tokens {
        let mut tokens = Tokens::default();
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        for wanted in crate::files::token_requests(pod, api_access).map(key) {
            let token = match self.fresh(&uid, &wanted) {
                Some(token) => Ok(token),
                None => request(client, pod, &wanted).await.map(|(token, renew_at)| {
                    self.lock().insert((uid.clone(), wanted.clone()), (token.clone(), renew_at));
                    token
                }),
            };
            tokens.0.insert(wanted, token);
        }
        tokens
    }

    /// Forgets the tokens of pods that are gone.
    pub(crate) fn keep(&self, is_known: impl Fn(&str) -> bool) {
        self.lock().retain(|(uid, _), _| is_known(uid));
    }

    fn fresh(&self, uid: &str, wanted: &Wanted) -> Option<String> {
        let known = self.lock().get(&(uid.to_owned(), wanted.clone())).cloned();
        known.filter(|(_, renew_at)| *renew_at > Timestamp::now()).map(|(token, _)| token)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(String, Wanted), (String, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn request(client: &Client, pod: &Pod, (audience, life): &Wanted) -> Result<(String, Timestamp), String> {
    let (meta, spec) = (&pod.metadata, pod.spec.as_ref());
    let account = spec.and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default");
    let bound = BoundObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Pod".into()),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
    };
    let audiences = (!audience.is_empty()).then(|| vec![audience.clone()]);
    let spec = TokenRequestSpec { audiences, expiration_seconds: Some(*life), bound_object_ref: Some(bound) };
    let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), meta.namespace.as_deref().unwrap_or_default());
    let answer = accounts.create_token_request(account, &PostParams::default(), &request).await;
    let status = answer.map_err(|error| format!("No token for ServiceAccount {account}: {error}"))?.status;
    let given = status.and_then(|status| Some((status.token?, status.expiration_timestamp?.0)));
    let (token, expires) = given.ok_or_else(|| format!("No token for ServiceAccount {account}: an empty answer"))?;
    Ok((token, renew_at(Timestamp::now(), expires)))
}

/// Four fifths of the life, as the kubelet of Kubernetes does.
fn renew_at(now: Timestamp, expires: Timestamp) -> Timestamp {
    let life = expires.duration_since(now).as_secs();
    now.saturating_add(SignedDuration::from_secs(life / 5 * 4)).unwrap_or(expires)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_is_asked_for_that_the_api_server_would_make_good_for_a_year() {
        let wanted = |life: Option<i64>| ServiceAccountTokenProjection {
            expiration_seconds: life,
            path: "token".to_owned(),
            ..ServiceAccountTokenProjection::default()
        };
        let lives = [None, Some(3607), Some(600), Some(7200)].map(|life| key(&wanted(life)).1);
        assert_eq!(lives, [3600, 3600, 600, 7200]);
    }

    #[test]
    fn a_token_is_renewed_at_four_fifths_of_its_life() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = renew_at(now, now + SignedDuration::from_secs(3600));
        assert_eq!(at.duration_since(now).as_secs(), 2880);
    }
}
