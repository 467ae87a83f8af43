//! The next token of an engine: its own ServiceAccount asks for it, which is the one thing that the self-renewal role
//! allows (`engine-import.md` §5). The same rules for the connection as for a check.

use std::net::SocketAddr;

use domain::engine::settings::OnPremise;
use domain::engine::token::{self, TokenFacts};
use domain::engine::{Credentials, Row};
use domain::engine_manifest::RENEWAL;
use domain::outbound::AddressPolicy;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::http::Api;
use super::{Look, connect, rights};

/// The shortest life that an API server grants, in seconds.
const SHORTEST: i64 = 600;
const ROW: &str = "token-renewal";

/// What a token that ends says of itself and of its ServiceAccount; none for every other credential.
fn ending(credentials: &Credentials) -> Option<(TokenFacts, String, String)> {
    let Credentials::BearerToken { token } = credentials else { return None };
    let facts = token::read(token).filter(|facts| facts.expires_at.is_some())?;
    let (namespace, name) = facts.service_account()?;
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    Some((facts, namespace, name))
}

/// Whether the identity may ask for its next token: a row, and a fact.
pub(super) async fn look_at_right(api: &Api, credentials: &Credentials, look: &mut Look) {
    let Some((_, namespace, name)) = ending(credentials) else { return };
    let question = json!({
        "verb": "create", "resource": "serviceaccounts", "subresource": "token", "name": name, "namespace": namespace,
    });
    let may = match rights::allowed(api, &question).await {
        Ok(may) => may,
        Err(rights::REFUSED) => false,
        Err(why) => return look.unanswered(ROW, why),
    };
    look.facts.renewable = Some(may);
    if may {
        return look.pass(ROW, "The console renews the token itself, at half of its life");
    }
    let rule = format!(
        "- apiGroups: [\"\"]\n  resources: {:?}\n  resourceNames: [\"{name}\"]\n  verbs: {:?}",
        RENEWAL.resources, RENEWAL.verbs
    );
    look.add(Row::skip(ROW, "The token may not renew itself: give a new one before it ends").fix(rule));
}

/// A token of the same identity and with the same life, from now on.
pub(super) async fn renew(
    policy: &AddressPolicy,
    at: &OnPremise,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<Credentials, &'static str> {
    let (old, namespace, name) = ending(credentials).ok_or("Only tokens of ServiceAccounts that end are renewed")?;
    let found = connect::checked(policy, &at.api_url).await.ok_or("The address is not found or not allowed")?;
    // One after the other, until one takes the connection.
    let addresses: Vec<SocketAddr> = found.into_iter().map(|ip| SocketAddr::new(ip, at.api_url.port)).collect();
    // TLS verifies before the request is written: no token goes over a connection that was not trusted.
    let api = Api::new(&at.api_url, &addresses, at.ca_pem.as_deref(), credentials)?;
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
    let answer = api.post(&path, &request(&old)).await.map_err(|_| "The API server did not answer")?;
    match answer.status {
        401 => return Err("The token is not accepted any more"),
        403 => return Err("The identity may not ask for its next token"),
        _ if !answer.ok() => return Err("The API server makes no token"),
        _ => {}
    }
    let text = answer.body.pointer("/status/token").and_then(Value::as_str).unwrap_or_default();
    let token = token::check("token", text, now).map_err(|_| "The API server answered without a usable token")?;
    let new = token::read(&token).filter(|new| new.subject == old.subject && new.expires_at >= old.expires_at);
    new.map(|_| Credentials::BearerToken { token }).ok_or("The new token is of somebody else, or ends sooner")
}

fn request(old: &TokenFacts) -> Value {
    let life = old.issued_at.zip(old.expires_at).map_or(SHORTEST, |(from, to)| to.duration_since(from).as_secs());
    json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": life.max(SHORTEST)},
    })
}
