//! `/v2/pods` and below, apart from create and logs.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    call::{Call, Reply},
    fault::Effect,
    pod::{End, Pod},
    state::State,
};

/// Fields of a container that PATCH changes.
const CHANGEABLE: [&str; 7] = ["image", "args", "disk", "ports", "env", "registry", "mounts"];

pub(crate) fn list(state: &State, call: &Call, effects: &dyn Fn(&str) -> Vec<Effect>, now: Timestamp) -> Reply {
    let mut items: Vec<Value> = Vec::new();
    let is_shown = |pod: &&Pod| !pod.is_terminated(now) || effects(&pod.name).contains(&Effect::Stale);
    let mut newest: Vec<&Pod> = state.pods.values().filter(is_shown).filter(|pod| pod.listed <= now).collect();
    newest.sort_by(|one, other| (other.created, &other.id).cmp(&(one.created, &one.id)));
    let mut struck = Vec::new();
    for pod in newest {
        let effects = effects(&pod.name);
        if effects.contains(&Effect::LeaveOut) {
            continue;
        }
        let shown = if effects.contains(&Effect::Stale) { pod.created } else { now };
        let view = pod.view(shown, &state.settings);
        if effects.contains(&Effect::ItemTwice) {
            items.push(view.clone());
        }
        items.push(view);
        struck.extend(effects);
    }
    if !state.settings.paging {
        return Reply::json(200, json!({"pods": items}));
    }
    page(items, state.settings.page_size.max(1), call, &struck)
}

/// One page; the cursor is the number of the first item, which only we can read.
fn page(items: Vec<Value>, size: usize, call: &Call, effects: &[Effect]) -> Reply {
    let from = match call.parameter("cursor") {
        Some(_) if effects.contains(&Effect::CursorRefused) => {
            return Reply::invalid(&["$: cursor is not valid".into()]);
        }
        Some(text) => match text.strip_prefix("c-").and_then(|number| number.parse::<usize>().ok()) {
            Some(from) => from,
            None => return Reply::invalid(&["$: cursor is not valid".into()]),
        },
        None => 0,
    };
    let endless = effects.contains(&Effect::EndlessPages);
    let from = if endless { 0 } else { from };
    let size = call.parameter("limit").and_then(|text| text.parse().ok()).unwrap_or(size).min(size);
    let more = endless || items.len() > from + size;
    let next = more.then(|| format!("c-{}", from + size));
    let pods: Vec<Value> = items.into_iter().skip(from).take(size).collect();
    Reply::json(200, json!({"pods": pods, "pagination": {"nextCursor": next, "hasNextPage": more}}))
}

pub(crate) fn get(state: &State, id: &str, effects: &[Effect], now: Timestamp) -> Reply {
    match living(state, id, now) {
        Some(_) if effects.contains(&Effect::NotFound) => unknown(id),
        Some(pod) if effects.contains(&Effect::Stale) => Reply::json(200, pod.view(pod.created, &state.settings)),
        Some(pod) => Reply::json(200, pod.view(now, &state.settings)),
        None => unknown(id),
    }
}

pub(crate) fn delete(state: &mut State, id: &str, effects: &[Effect], now: Timestamp) -> Reply {
    if living(state, id, now).is_none() || effects.contains(&Effect::NotFound) {
        return unknown(id);
    }
    if !effects.contains(&Effect::LivesOn) {
        state.end(id, End::Terminated, now);
    }
    Reply::none()
}

pub(crate) fn update(state: &mut State, id: &str, body: &Value, now: Timestamp) -> Reply {
    if living(state, id, now).is_none() {
        return unknown(id);
    }
    let settings = state.settings.clone();
    let Some(pod) = state.pods.get_mut(id) else { return unknown(id) };
    for field in CHANGEABLE {
        if let Some(value) = body.get(field) {
            pod.container.insert(field.to_owned(), value.clone());
        }
    }
    if let Some(name) = body["name"].as_str() {
        pod.name = name.to_owned();
    }
    pod.locked = body["locked"].as_bool().unwrap_or(pod.locked);
    Reply::json(200, pod.view(now, &settings))
}

pub(crate) fn action(state: &mut State, id: &str, body: &Value, now: Timestamp) -> Reply {
    let Some(pod) = living(state, id, now) else { return unknown(id) };
    let word = body["action"].as_str().unwrap_or_default().to_owned();
    let status = pod.status(now, state.settings.boot);
    let allowed = crate::pod::actions(status).as_array().is_some_and(|all| all.contains(&json!(word)));
    if !allowed || pod.locked && word == "stop" {
        return Reply::problem(409, &format!("action '{word}' is not allowed while the pod is {status}"));
    }
    match word.as_str() {
        "terminate" => {
            state.end(id, End::Terminated, now);
            return Reply::none();
        }
        "stop" => state.end(id, End::Exited, now),
        _ => {
            let settings = state.settings.clone();
            if let Some(pod) = state.pods.get_mut(id) {
                pod.restart(now, &settings);
            }
        }
    }
    get(state, id, &[], now)
}

pub(crate) fn living<'a>(state: &'a State, id: &str, now: Timestamp) -> Option<&'a Pod> {
    state.pods.get(id).filter(|pod| !pod.is_terminated(now))
}

pub(crate) fn unknown(id: &str) -> Reply {
    Reply::problem(404, &format!("pod '{id}' not found"))
}
