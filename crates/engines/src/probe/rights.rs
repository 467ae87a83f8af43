//! One SelfSubjectAccessReview for each right, eight at a time. A SelfSubjectRulesReview would not do: it cannot tell one
//! namespace from all, and may be incomplete.

use std::time::Duration;

use domain::engine::Row;
use domain::engine::settings::OnPremise;
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

pub(super) async fn ask(api: &Api, at: &OnPremise, groups: &[String], look: &mut Look) {
    let reviews: Vec<_> = at.rights().into_iter().map(|right| review(api, right)).collect();
    let mut answers = futures::stream::iter(reviews).buffered(AT_ONCE);
    while let Some(row) = answers.next().await {
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
        Err(why) => Row::fail(Row::right(&right, true).id, why),
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
        if !answer.ok() {
            return Err("The API server does not say what is allowed");
        }
        return Ok(answer.body.pointer("/status/allowed") == Some(&Value::Bool(true)));
    }
    Err("The API server is too busy to say")
}

/// Rights that nobody needs are a danger to the cluster whose they are.
async fn too_much(api: &Api, at: &OnPremise, groups: &[String], look: &mut Look) {
    let everything = json!({"group": "*", "resource": "*", "verb": "*"});
    let masters = groups.iter().any(|group| group == "system:masters");
    if masters || allowed(api, &everything).await == Ok(true) {
        return look.warn("rbac-wide", "This identity can do everything; use the generated role");
    }
    let secrets = json!({"group": "", "resource": "secrets", "verb": "list"});
    if allowed(api, &secrets).await == Ok(true) {
        let instead = if at.namespaces.is_empty() { "; name the namespaces it may write to instead" } else { "" };
        return look.warn("rbac-wide", format!("This identity can read every Secret of the cluster{instead}"));
    }
    look.pass("rbac-wide", "The identity has no rights that nobody needs");
}
