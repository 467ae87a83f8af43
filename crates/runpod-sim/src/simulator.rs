//! The provider as one function from call to reply. No transport, no waiting, no randomness but the seed's.
//! Order as in the real one: size, bearer, quota, route, schema, rules, and then what the call asks for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    call::{Body, Call, Reply},
    catalogue_routes,
    clock::Clock,
    contract::Contract,
    create,
    fault::{Effect, Shape},
    logs, pod_routes,
    resources::{self, Kind},
    settings::Settings,
    state::State,
};

/// Largest body, `runpod-api.md` §12.
const MOST_BYTES: usize = 102_400;

/// A RunPod account that costs nothing.
pub struct Simulator {
    /// Its own clock.
    pub clock: Clock,
    state: Mutex<State>,
}

// === impl Simulator ===

impl Simulator {
    /// An empty account.
    #[must_use]
    pub fn new(settings: Settings, clock: Clock, seed: u64) -> Self {
        Self { clock, state: Mutex::new(State::new(settings, seed)) }
    }

    /// Answers one call.
    pub fn handle(&self, call: &Call) -> Reply {
        let now = self.clock.now();
        let mut state = self.lock();
        state.progress(now);
        let template = Contract.template(&call.path);
        let route = format!("{} {}", call.method, template.unwrap_or(&call.path));
        let reply = answer(&mut state, call, template, &route, now);
        state.progress(now);
        *state.calls.entry((route, reply.status)).or_default() += 1;
        reply
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(state: &mut State, call: &Call, template: Option<&'static str>, route: &str, now: Timestamp) -> Reply {
    if call.body.len() > MOST_BYTES {
        return Reply::problem(413, "request body exceeds 102400 bytes");
    }
    let known = state.settings.api_keys.clone();
    if call.bearer.as_ref().is_none_or(|key| key.is_empty() || !known.is_empty() && !known.contains(key)) {
        return Reply::problem(401, "missing or invalid bearer token");
    }
    let effects = strike(state, call, route);
    let count = state.settings.quota.map(|limits| state.quota.count(limits, now));
    let mut reply = match count.as_ref().and_then(|count| count.exhausted) {
        Some((seconds, window)) => Reply::problem(429, &format!("rate limit of the {window} window exceeded"))
            .with("Retry-After", seconds.to_string()),
        None => disturbed(state, call, template, &effects, now),
    };
    reply.headers.extend(quota_headers(count.map(|count| count.headers), &effects));
    let number = state.random.id(12);
    reply.with("x-request-id", number)
}

fn quota_headers(headers: Option<Vec<(&'static str, String)>>, effects: &[Effect]) -> Vec<(&'static str, String)> {
    let other = effects.iter().find_map(|effect| match effect {
        Effect::QuotaHeaders { text } => Some(text.clone()),
        _ => None,
    });
    match other {
        Some(Some(text)) => vec![("RateLimit", text)],
        Some(None) => Vec::new(),
        None => headers.unwrap_or_default(),
    }
}

/// The faults that strike this call. Those of a list are asked for each instance, when it is put together.
fn strike(state: &mut State, call: &Call, route: &str) -> Vec<Effect> {
    let name = match call.path.strip_prefix("/v2/pods/").and_then(|rest| rest.split('/').next()) {
        Some(id) => state.pods.get(id).map(|pod| pod.name.clone()),
        None => {
            serde_json::from_slice::<Value>(&call.body).ok().and_then(|body| body["name"].as_str().map(str::to_owned))
        }
    };
    let State { faults, random, .. } = state;
    faults.strike(route, &name.unwrap_or_default(), random)
}

fn disturbed(
    state: &mut State,
    call: &Call,
    template: Option<&'static str>,
    effects: &[Effect],
    now: Timestamp,
) -> Reply {
    for effect in effects {
        match effect {
            Effect::Refuse { status, shape, retry_after } => {
                let reply = shaped(*status, *shape);
                return retry_after.map_or(reply.clone(), |seconds| reply.with("Retry-After", seconds.to_string()));
            }
            Effect::Hang { acts: false } => return Reply { status: 0, headers: Vec::new(), body: Body::Never },
            _ => {}
        }
    }
    let mut reply = checked(state, call, template, effects, now);
    for effect in effects {
        match effect {
            Effect::Lie { status, shape } => return shaped(*status, *shape),
            Effect::Hang { .. } => return Reply { status: 0, headers: Vec::new(), body: Body::Never },
            Effect::Cut => {
                if let Body::Json(body) = &reply.body {
                    let text = body.to_string();
                    let half = text.chars().take(text.chars().count() / 2).collect();
                    reply.body = Body::Cut(half);
                }
            }
            _ => {}
        }
    }
    reply
}

fn shaped(status: u16, shape: Shape) -> Reply {
    match shape {
        Shape::Problem => Reply::problem(status, "injected by the simulator"),
        Shape::Html => {
            Reply { status, headers: Vec::new(), body: Body::Html(format!("<html><h1>Error {status}</h1></html>")) }
        }
        Shape::Empty => Reply { status, headers: Vec::new(), body: Body::Empty },
    }
}

/// Checks the request, dispatches it, checks the reply.
fn checked(
    state: &mut State,
    call: &Call,
    template: Option<&'static str>,
    effects: &[Effect],
    now: Timestamp,
) -> Reply {
    let Some(template) = template else { return Reply::problem(404, "no such route") };
    let methods = Contract.methods(template);
    if !methods.contains(&call.method) {
        return Reply::problem(405, "method not allowed").with("Allow", methods.join(", "));
    }
    let body: Value = if call.body.is_empty() {
        Value::Null
    } else {
        match serde_json::from_slice(&call.body) {
            Ok(body) => body,
            Err(error) => return Reply::problem(400, &format!("the body is not JSON: {error}")),
        }
    };
    let wrong = Contract.check_request(&call.method, template, &body);
    if !wrong.is_empty() {
        return Reply::invalid(&wrong);
    }
    let reply = dispatch(state, call, template, body, effects, now);
    // Growth and paging are newer than the schema: only what it describes can be checked.
    if state.settings.check_replies && !state.settings.growth && !state.settings.paging {
        let body = match &reply.body {
            Body::Json(body) => Some(body),
            Body::Events { .. } => return reply,
            _ => None,
        };
        let wrong = Contract.check_reply(&call.method, template, reply.status, body);
        state
            .violations
            .extend(wrong.into_iter().map(|one| format!("{} {template} {}: {one}", call.method, reply.status)));
    }
    reply
}

fn dispatch(state: &mut State, call: &Call, template: &str, body: Value, effects: &[Effect], now: Timestamp) -> Reply {
    let id = id_of(template, &call.path);
    let some = id.as_str();
    let optional = template.contains('{').then_some(some);
    let method = call.method.as_str();
    match (method, template) {
        ("GET", "/v2/pods") => {
            let of_name = effects_by_name(state, "GET /v2/pods", effects);
            pod_routes::list(state, call, &of_name, now)
        }
        ("POST", "/v2/pods") => create::create(state, body, effects, now),
        ("GET", "/v2/pods/{id}") => pod_routes::get(state, some, effects, now),
        ("PATCH", "/v2/pods/{id}") => pod_routes::update(state, some, &body, now),
        ("DELETE", "/v2/pods/{id}") => pod_routes::delete(state, some, effects, now),
        (_, "/v2/pods/{id}/action") => pod_routes::action(state, some, &body, now),
        (_, "/v2/pods/{id}/logs") => logs::open(state, call, some, effects),
        (_, "/v2/account/ssh-keys") => resources::ssh_keys(state, method, &body),
        (_, "/v2/catalog/gpus" | "/v2/catalog/gpus/{id}") => catalogue_routes::gpus(state, call, optional),
        (_, "/v2/catalog/cpus" | "/v2/catalog/cpus/{id}") => catalogue_routes::cpus(optional),
        (_, "/v2/catalog/datacenters" | "/v2/catalog/datacenters/{id}") => catalogue_routes::data_centers(optional),
        (_, "/v2/catalog/templates") => catalogue_routes::templates(),
        (_, "/v2/billing/pods") => resources::billing(state, call, now),
        (_, "/v2/registries" | "/v2/registries/{id}") => {
            resources::route(state, Kind::Registry, method, optional, body, now)
        }
        (_, "/v2/templates" | "/v2/templates/{id}") => {
            resources::route(state, Kind::Template, method, optional, body, now)
        }
        (_, "/v2/network-volumes" | "/v2/network-volumes/{id}") => {
            resources::route(state, Kind::Volume, method, optional, body, now)
        }
        _ => Reply::problem(501, "the simulator does not have this route"),
    }
}

/// Faults of a list: those that struck the call as a whole, and those of single instances by their names.
fn effects_by_name(state: &State, route: &str, struck: &[Effect]) -> impl Fn(&str) -> Vec<Effect> + use<> {
    let here = |fault: &crate::fault::Fault| fault.route.as_deref().is_none_or(|one| one == route);
    let faults = state.faults.all().into_iter().filter(here);
    let named: Vec<_> = faults.filter_map(|fault| Some((fault.name?, fault.effect))).collect();
    let struck = struck.to_vec();
    move |name: &str| {
        let own = named.iter().filter(|(part, _)| name.contains(part.as_str())).map(|(_, effect)| effect.clone());
        struck.iter().cloned().chain(own).collect()
    }
}

fn id_of(template: &str, path: &str) -> String {
    let mut parts = template.split('/').zip(path.split('/'));
    parts.find(|(part, _)| part.starts_with('{')).map_or_else(String::new, |(_, id)| id.replace("%20", " "))
}
