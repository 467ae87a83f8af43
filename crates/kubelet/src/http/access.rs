//! Which permission a request of the kubelet API needs: verb and subresource of `nodes`.
//! A pure table, so that the whole matrix can be tested.
use axum::http::Method;

/// One permission on `nodes/<subresource>` of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Access {
    pub(super) verb: &'static str,
    pub(super) subresource: &'static str,
}

/// The permissions of which one is enough, in the order in which they are asked for.
pub(super) fn needed(method: &Method, path: &str) -> Vec<Access> {
    let verb = verb(method);
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let (verb, subresources): (&str, &[&str]) = match first {
        // Running something is a creation, whatever the HTTP verb: a WebSocket begins with GET.
        "exec" | "attach" | "portForward" => ("create", &["proxy"]),
        "pods" | "runningpods" => (verb, &["pods", "proxy"]),
        "stats" => (verb, &["stats"]),
        "metrics" => (verb, &["metrics"]),
        "healthz" => (verb, &["healthz", "proxy"]),
        "configz" => (verb, &["configz", "proxy"]),
        _ => (verb, &["proxy"]),
    };
    subresources.iter().map(|subresource| Access { verb, subresource }).collect()
}

fn verb(method: &Method) -> &'static str {
    match method.as_str() {
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "get",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_asks_for_its_own_permission() {
        let of = |method: Method, path: &str| {
            let all = needed(&method, path);
            all.iter().map(|one| format!("{} {}", one.verb, one.subresource)).collect::<Vec<_>>().join(", ")
        };
        for (method, path, wanted) in [
            (Method::GET, "/pods", "get pods, get proxy"),
            (Method::GET, "/runningpods/", "get pods, get proxy"),
            (Method::GET, "/containerLogs/a/b/c", "get proxy"),
            (Method::GET, "/exec/a/b/c", "create proxy"),
            (Method::POST, "/exec/a/b/c", "create proxy"),
            (Method::GET, "/attach/a/b/c", "create proxy"),
            (Method::GET, "/portForward/a/b", "create proxy"),
            (Method::GET, "/stats/summary", "get stats"),
            (Method::GET, "/metrics/resource", "get metrics"),
            (Method::GET, "/metrics", "get metrics"),
            (Method::GET, "/healthz", "get healthz, get proxy"),
            (Method::POST, "/run/a/b/c", "create proxy"),
            (Method::GET, "/", "get proxy"),
            (Method::GET, "//exec/a/b/c", "create proxy"),
        ] {
            assert_eq!(of(method.clone(), path), wanted, "{method} {path}");
        }
    }
}
