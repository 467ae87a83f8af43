//! A Kubernetes cluster: is it one, which version, as whom does it see us, which cluster is it.

use domain::engine::settings::OnPremise;
use domain::engine::{Credentials, Depth, certificate, token};
use domain::outbound::AddressPolicy;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::http::{Answer, Api, Silence};
use super::{Look, connect, exec, features, renew, rights, shown};

/// Minor versions that the node agent and its tests know.
const OLDEST: u32 = 28;
const NEWEST: u32 = 37;
/// From here on no API server reads Basic itself (`engine-import.md` §3).
const BASIC_ENDED: u32 = 19;
const SELF_REVIEW: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

pub(super) async fn look(policy: &AddressPolicy, at: &OnPremise, credentials: &Credentials, look: &mut Look) {
    let Some(addresses) = connect::reach(policy, &at.api_url, look).await else { return };
    let api = match Api::new(&at.api_url, &addresses, at.ca_pem.as_deref(), credentials) {
        Ok(api) => api,
        Err(why) => return look.fail("tls-trust", why),
    };
    // Nothing that opens anything is sent before the certificate was trusted and the other side is known for what it is.
    let said = api.get_as_nobody("/version").await;
    if !api.tls_rows(said.as_ref().map_err(|why| *why), look) {
        return;
    }
    let Some(said) = known(&api, credentials, said, look).await else { return };
    let minor = version(&api, said, look).await;
    let Some(groups) = identity(&api, credentials, minor, look).await else { return };
    renew::look_at_right(&api, credentials, look).await;
    token_life(credentials, look);
    cluster_uid(&api, look).await;
    if look.depth == Depth::Full {
        rights::ask(&api, at, &groups, look).await;
        features::find(&api, at, look).await;
        match addresses.first().filter(|_| at.exec_probe) {
            Some(address) => exec::try_out(at, address.ip(), credentials, look).await,
            None => look.skip("exec", "Commands in pods are tried with the first pod"),
        }
    }
}

/// What an API server said; none when it is none. A proxy that checks passwords says nothing without one: it is known by
/// what stands behind it.
async fn known(api: &Api, credentials: &Credentials, said: Result<Answer, Silence>, look: &mut Look) -> Option<Answer> {
    let kubernetes = |answer: &Answer| answer.body["gitVersion"].is_string() || answer.body["kind"] == "Status";
    let asks = |answer: &Answer| answer.status == 401 && matches!(credentials, Credentials::Basic { .. });
    let behind = match said {
        Ok(answer) if kubernetes(&answer) => return Some(answer),
        Ok(answer) if asks(&answer) => api.get("/version").await.ok(),
        _ => None,
    };
    match behind {
        Some(answer) if kubernetes(&answer) => return Some(answer),
        Some(answer) if answer.status == 401 => {
            look.fail("auth", "The proxy in front of the API server refused the user name and password (401)");
        }
        _ => look.fail("kubernetes", "This is not a Kubernetes API server"),
    }
    None
}

/// The minor version.
async fn version(api: &Api, first: Answer, look: &mut Look) -> u32 {
    clock(&first, look);
    let answer = if first.ok() { first } else { api.get("/version").await.ok().unwrap_or(first) };
    look.pass("kubernetes", "A Kubernetes API server");
    let version = answer.text("/gitVersion");
    if version.is_empty() {
        look.warn("version", "The API server does not say its version");
        return NEWEST;
    }
    let minor: String = answer.text("/minor").chars().take_while(char::is_ascii_digit).collect();
    let minor = minor.parse().unwrap_or(NEWEST);
    look.facts.version.clone_from(&version);
    if (OLDEST..=NEWEST).contains(&minor) {
        look.pass("version", version);
    } else {
        look.warn("version", format!("{version} is outside of the supported versions 1.{OLDEST} to 1.{NEWEST}"));
    }
    minor
}

/// The groups of who we are; none when the credentials open nothing.
async fn identity(api: &Api, credentials: &Credentials, minor: u32, look: &mut Look) -> Option<Vec<String>> {
    let basic = matches!(credentials, Credentials::Basic { .. });
    let question = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let answer = match api.post(SELF_REVIEW, &question).await {
        Ok(answer) => answer,
        Err(why) => {
            look.fail("tcp", silent(why));
            return None;
        }
    };
    let user = answer.text("/status/userInfo/username");
    let anonymous = user == "system:anonymous"
        || answer.body["message"].as_str().is_some_and(|text| text.contains("\"system:anonymous\""));
    if answer.status == 401 || anonymous {
        let (id, why) = refusal(basic, &look.facts.version);
        look.fail(id, why);
        return None;
    }
    if !answer.ok() {
        // An API server before 1.28 has no such review, a proxy in front of a newer one may refuse it.
        return unknown_identity(api, &answer, basic, look).await;
    }
    let groups: Vec<String> = answer
        .body
        .pointer("/status/userInfo/groups")
        .and_then(Value::as_array)
        .map_or_else(Vec::new, |groups| groups.iter().filter_map(Value::as_str).map(shown).collect());
    look.facts.identity.clone_from(&user);
    look.pass("auth", "The credentials are accepted");
    look.pass("identity", user);
    if basic {
        basic_warning(minor, &groups, look);
    }
    Some(groups)
}

async fn unknown_identity(api: &Api, answer: &Answer, basic: bool, look: &mut Look) -> Option<Vec<String>> {
    if answer.status == 404 && rights::allowed(api, &json!({"verb": "get", "resource": "pods"})).await.is_ok() && !basic
    {
        look.pass("auth", "The credentials are accepted");
        look.warn("identity", "This version does not say as whom it sees us");
        return Some(Vec::new());
    }
    look.fail("auth", format!("The API server does not say as whom it sees us ({})", answer.status));
    None
}

fn refusal(basic: bool, version: &str) -> (&'static str, String) {
    if basic {
        let said =
            format!("The API server ({version}) ignored the user name and password. Use a service account token.");
        return ("auth-basic-ignored", said);
    }
    ("auth", "Token refused (401): expired, revoked or from another cluster".to_owned())
}

fn basic_warning(minor: u32, groups: &[String], look: &mut Look) {
    let groups = groups.join(", ");
    if minor >= BASIC_ENDED {
        let said = format!("A proxy in front of the API server checks the password; groups: {groups}");
        look.warn("auth-basic-proxy", said);
    } else {
        look.warn("auth-basic-proxy", "Versions that read passwords themselves are not supported any more");
    }
}

fn token_life(credentials: &Credentials, look: &mut Look) {
    let Credentials::BearerToken { token } = credentials else { return };
    let Some(facts) = token::read(token) else {
        return look.skip("token-life", "This token does not say when it ends");
    };
    match facts.expires_at {
        None => look.warn("token-life", "This token never expires"),
        Some(end) => {
            let day = certificate::date(end);
            if look.facts.renewable == Some(true) {
                look.pass("token-life", format!("The token expires on {day}; the next one is asked for before"));
            } else if end.duration_since(look.now) < SignedDuration::from_hours(24) {
                look.warn("token-life", format!("This token expires within a day, on {day}"));
            } else {
                look.pass("token-life", format!("The token expires on {day}"));
            }
        }
    }
}

async fn cluster_uid(api: &Api, look: &mut Look) {
    match api.get("/api/v1/namespaces/kube-system").await {
        Ok(answer) if answer.ok() => {
            look.facts.cluster_uid = answer.text("/metadata/uid");
            look.pass("cluster-uid", look.facts.cluster_uid.clone());
        }
        Ok(refused) if matches!(refused.status, 401 | 403) => {
            look.warn("cluster-uid", "Which cluster this is cannot be told: the namespace kube-system may not be read");
        }
        _ => look.unanswered("cluster-uid", "Which cluster this is was not told this time"),
    }
}

fn clock(answer: &Answer, look: &mut Look) {
    match answer.clock_skew(look.now) {
        Some(skew) if skew > SignedDuration::from_secs(60) => {
            look.warn("clock", format!("Its clock is {} s away from ours", skew.as_secs()));
        }
        Some(_) => look.pass("clock", "Its clock agrees with ours"),
        None => look.skip("clock", "It does not say what time it is"),
    }
}

fn silent(why: Silence) -> &'static str {
    match why {
        Silence::Timeout => "No answer in 5 s (firewall?)",
        Silence::Tls | Silence::Cut => "The connection was cut",
        Silence::TooLong => "The answer is too long",
    }
}
