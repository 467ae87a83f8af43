//! One SelfSubjectAccessReview for each right, eight at a time. A SelfSubjectRulesReview would not do: it cannot tell one
//! namespace from all, and may be incomplete.

use std::time::Duration;

use domain::engine::settings::OnPremise;
use domain::engine::{Row, RowStatus};
use domain::engine_manifest::EngineRight;
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::Look;
use super::http::Api;

const PATH: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const AT_ONCE: usize = 8;
/// Longer than an API server's bucket takes to fill; more would eat up the time of all checks.
const LONGEST_WAIT: u64 = 3;
const TRIES: u32 = 3;
pub(super) const REFUSED: &str = "The API server does not say what is allowed";
const BUSY: &str = "The API server is too busy to say";
const RBAC: &str = "rbac.authorization.k8s.io";
const SECRETS: &str = "read every Secret of the cluster";
const NODES: &str = "run commands in every pod through its node";
const OTHERS: &str = "act as anybody else";
/// What leads to more than was given, or is more than any engine needs: group, resource, subresource, verb, in words.
/// Those with the same words stand together.
const EXCESS: [[&str; 5]; 8] = [
    ["", "secrets", "", "list", SECRETS],
    ["", "nodes", "proxy", "get", NODES],
    ["", "nodes", "proxy", "create", NODES],
    [RBAC, "clusterroles", "", "escalate", "give itself any right"],
    [RBAC, "clusterroles", "", "bind", "bind itself to any role"],
    ["", "users", "", "impersonate", OTHERS],
    ["", "groups", "", "impersonate", OTHERS],
    ["", "serviceaccounts", "", "impersonate", OTHERS],
];

pub(super) async fn ask(api: &Api, at: &OnPremise, groups: &[String], look: &mut Look) {
    let reviews: Vec<_> = at.rights().into_iter().map(|right| review(api, right)).collect();
    let mut answers = futures::stream::iter(reviews).buffered(AT_ONCE);
    while let Some(row) = answers.next().await {
        look.unanswered |= row.status == RowStatus::Warn;
        look.add(row);
    }
    too_much(api, at, groups, look).await;
}

async fn review(api: &Api, right: EngineRight) -> Row {
    let EngineRight { group, resource, subresource, verb, name, namespace } = &right;
    let attributes = json!({
        "group": group, "resource": resource, "subresource": subresource, "verb": verb,
        "name": name.as_deref().unwrap_or_default(), "namespace": namespace.as_deref().unwrap_or_default(),
    });
    match allowed(api, &attributes).await {
        Ok(allowed) => Row::right(&right, allowed),
        Err(REFUSED) => Row::fail(Row::right(&right, true).id, REFUSED),
        // It says nothing about the right.
        Err(why) => Row::warn(Row::right(&right, true).id, why),
    }
}

/// Whether we may; the error is a sentence.
pub(super) async fn allowed(api: &Api, attributes: &Value) -> Result<bool, &'static str> {
    let question = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    });
    for _ in 0..TRIES {
        let answer = api.post(PATH, &question).await.map_err(|_| "The API server did not answer")?;
        if answer.status == 429 {
            tokio::time::sleep(Duration::from_secs(answer.retry_after.min(LONGEST_WAIT))).await;
            continue;
        }
        if answer.status >= 500 {
            return Err(BUSY);
        }
        if !answer.ok() {
            return Err(REFUSED);
        }
        return Ok(answer.body.pointer("/status/allowed") == Some(&Value::Bool(true)));
    }
    Err(BUSY)
}

/// Rights that nobody needs are a danger to the cluster whose they are.
async fn too_much(api: &Api, at: &OnPremise, groups: &[String], look: &mut Look) {
    let everything = json!({"group": "*", "resource": "*", "verb": "*"});
    let masters = groups.iter().any(|group| group == "system:masters");
    let everything = if masters { Ok(true) } else { allowed(api, &everything).await };
    if everything == Ok(true) {
        return look.warn("rbac-wide", "This identity can do everything; use the generated role");
    }
    let asked: Vec<_> = EXCESS.into_iter().map(|one| excess(api, one)).collect();
    let answers: Vec<Result<Option<&str>, &str>> = futures::stream::iter(asked).buffered(AT_ONCE).collect().await;
    let silent = everything.err().or_else(|| answers.iter().find_map(|answer| answer.err()));
    let mut had: Vec<&str> = answers.into_iter().flatten().flatten().collect();
    had.dedup();
    match silent {
        _ if !had.is_empty() => {}
        None => return look.pass("rbac-wide", "The identity has no rights that nobody needs"),
        Some(REFUSED) => return look.skip("rbac-wide", REFUSED),
        Some(why) => return look.unanswered("rbac-wide", why),
    }
    let instead = match had[..] {
        [SECRETS] if at.namespaces.is_empty() => "; name the namespaces it may write to instead",
        [SECRETS] => "",
        _ => "; use the generated role",
    };
    look.warn("rbac-wide", format!("This identity can {}{instead}", had.join(", ")));
}

/// The words for a right, if the identity has it.
async fn excess(api: &Api, one: [&'static str; 5]) -> Result<Option<&'static str>, &'static str> {
    let [group, resource, subresource, verb, words] = one;
    let question = json!({"group": group, "resource": resource, "subresource": subresource, "verb": verb});
    Ok(allowed(api, &question).await?.then_some(words))
}
