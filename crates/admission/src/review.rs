//! From a request to an answer: which of the rules applies to which resource and operation.
//!
//! Pure; the caller brings the namespace's policy and the SKUs. Source: `security.md` §6.1 and §6.2.

use std::collections::BTreeMap;

use domain::admission::{
    Injection, NamespacePolicy, Refusal, admit, check_ordered, check_unchanged, check_update, ordered_by, seal,
    workload_template,
};
use domain::sku::Sku;
use serde_json::Value;

use crate::wire::{Answer, Operation, Request};

const SCHEDULER: &str = "system:kube-scheduler";

/// Which of the two webhooks is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// May fill in.
    Mutate,
    /// Sees the final object and may only refuse.
    Validate,
}

/// What a request is about.
enum Target<'a> {
    /// A pod that does not exist yet.
    NewPod,
    /// A pod that exists, its metadata or its spec.
    Pod,
    /// A pod's status or its ephemeral containers.
    PodPart,
    Resize,
    Binding,
    /// A workload whose template is new or was changed.
    Template(&'a Value),
    /// Nothing to decide.
    Nothing,
    Unknown,
}

/// Whether the answer depends on the namespace's policy and the SKUs. Everything else is decided without them, so
/// that nodes and controllers go on while the tables are still loading.
pub fn needs_tables(request: &Request, phase: Phase) -> bool {
    matches!((target(request), phase), (Target::NewPod, _) | (Target::Template(_), Phase::Validate))
}

/// Decides one request.
pub fn review(request: &Request, phase: Phase, policy: &NamespacePolicy, skus: &BTreeMap<String, Sku>) -> Answer {
    let (old, new) = (&request.old_object, &request.object);
    match (target(request), phase) {
        (Target::Nothing, _) => Answer::Allow,
        (Target::NewPod, Phase::Mutate) => fill(request, policy, skus).map_or_else(Answer::Deny, Answer::Patch),
        (Target::Template(template), Phase::Mutate) => sign(request, template),
        // Only pods are filled in, and only when they are made.
        (_, Phase::Mutate) => Answer::Allow,
        (Target::NewPod, Phase::Validate) => check(complete(new, policy, skus).and_then(|()| signed(request, new))),
        (Target::Template(template), Phase::Validate) => {
            check(admit(template, policy, skus).and_then(|_| signed(request, template)))
        }
        (Target::Pod, Phase::Validate) => check(check_update(old, new)),
        (Target::PodPart, Phase::Validate) => check(check_unchanged(old, new)),
        (Target::Resize, Phase::Validate) => deny(
            "resize",
            "spec.containers",
            "Pods cannot be resized: the SKU sets their resources; create a pod with another SKU",
        ),
        (Target::Binding, Phase::Validate) => check_binding(request),
        (Target::Unknown, Phase::Validate) => {
            let what = [Some(request.resource.resource.as_str()), request.sub_resource.as_deref()];
            let what: Vec<&str> = what.into_iter().flatten().collect();
            deny("malformed", "", &format!("RemoteGPU admission cannot decide about {}", what.join("/")))
        }
    }
}

fn target(request: &Request) -> Target<'_> {
    use Operation::{Connect, Create, Delete, Update};
    let sub = request.sub_resource.as_deref().unwrap_or_default();
    match (request.resource.group.as_str(), request.resource.resource.as_str(), sub, request.operation) {
        (_, _, _, Delete | Connect) => Target::Nothing,
        ("", "pods", "", Create) => Target::NewPod,
        ("", "pods", "", Update) => Target::Pod,
        ("", "pods", "status" | "ephemeralcontainers", _) => Target::PodPart,
        ("", "pods", "resize", _) => Target::Resize,
        ("", "pods", "binding", _) | ("", "bindings", ..) => Target::Binding,
        ("apps" | "batch", _, "", _) | ("", "replicationcontrollers", "", _) => workload(request),
        // Replicas and statuses of workloads make no pod that is not decided on its own.
        ("apps" | "batch", ..) | ("", "replicationcontrollers", ..) => Target::Nothing,
        _ => Target::Unknown,
    }
}

/// Scaling, finalizers and status leave the template alone and pass, whatever became of the SKU.
fn workload(request: &Request) -> Target<'_> {
    let Some(template) = workload_template(&request.kind.kind, &request.object) else { return Target::Unknown };
    let before = workload_template(&request.kind.kind, &request.old_object);
    if before == Some(template) { Target::Nothing } else { Target::Template(template) }
}

/// What its SKU sets in a new pod, and who ordered it.
fn fill(
    request: &Request,
    policy: &NamespacePolicy,
    skus: &BTreeMap<String, Sku>,
) -> Result<Vec<Injection>, Vec<Refusal>> {
    let pod = &request.object;
    let mut injections = admit(pod, policy, skus)?;
    let by = orderer(request, pod);
    injections.extend(seal(&request.kind.kind, pod, &injections, by.as_deref()));
    Ok(injections)
}

/// Of a template nothing is filled in but who ordered it: what makes pods of it is not asked again.
fn sign(request: &Request, template: &Value) -> Answer {
    let by = orderer(request, template);
    let injections = seal(&request.kind.kind, template, &[], by.as_deref());
    if injections.is_empty() { Answer::Allow } else { Answer::Patch(injections) }
}

/// Nobody may have written another's name after that.
fn signed(request: &Request, pod: &Value) -> Result<(), Vec<Refusal>> {
    check_ordered(pod, orderer(request, pod).as_deref()).map_or(Ok(()), |refusal| Err(vec![refusal]))
}

fn orderer(request: &Request, pod: &Value) -> Option<String> {
    let before = workload_template(&request.kind.kind, &request.old_object);
    ordered_by(&request.user_info.username, before, pod)
}

/// The stored pod must equal its SKU: nothing may be left to fill in.
fn complete(pod: &Value, policy: &NamespacePolicy, skus: &BTreeMap<String, Sku>) -> Result<(), Vec<Refusal>> {
    let missing = admit(pod, policy, skus)?;
    let Some(first) = missing.first() else { return Ok(()) };
    let message = format!("The pod differs from its SKU at {}: create it again", first.path);
    Err(vec![Refusal::new("not_mutated", first.path.as_str(), message)])
}

fn check_binding(request: &Request) -> Answer {
    if request.user_info.username == SCHEDULER {
        return Answer::Allow;
    }
    deny("binding", "spec.nodeName", "Only the scheduler places pods on nodes")
}

fn check(result: Result<(), Vec<Refusal>>) -> Answer {
    result.map_or_else(Answer::Deny, |()| Answer::Allow)
}

fn deny(code: &str, field: &str, message: &str) -> Answer {
    Answer::Deny(vec![Refusal::new(code, field, message)])
}

#[cfg(test)]
mod tests;
