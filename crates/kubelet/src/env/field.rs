//! `fieldRef` and `resourceFieldRef`: values of the pod itself.
//! A value that is not known before the instance exists is refused, never guessed.
use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container, Pod, ResourceFieldSelector},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{NodeValues, Problem};
use crate::decide::all_containers;

fn refused(message: String) -> Problem {
    Problem { reason: "UnsupportedPod".into(), message }
}

pub(super) fn is_pod_ip(path: &str) -> bool {
    matches!(path, "status.podIP" | "status.podIPs")
}

pub(crate) fn field_value(pod: &Pod, node: &NodeValues, path: &str) -> Result<String, Problem> {
    let meta = &pod.metadata;
    let spec = pod.spec.as_ref();
    if let Some((map, key)) = path.strip_suffix("']").and_then(|text| text.split_once("['")) {
        let values = match map {
            "metadata.labels" => meta.labels.as_ref(),
            "metadata.annotations" => meta.annotations.as_ref(),
            _ => return Err(refused(format!("fieldRef {path} is not supported"))),
        };
        return Ok(values.and_then(|values| values.get(key)).cloned().unwrap_or_default());
    }
    let value = match path {
        "metadata.name" => meta.name.clone(),
        "metadata.namespace" => meta.namespace.clone(),
        "metadata.uid" => meta.uid.clone(),
        "metadata.labels" => meta.labels.as_ref().map(lines),
        "metadata.annotations" => meta.annotations.as_ref().map(lines),
        "spec.nodeName" => spec.and_then(|spec| spec.node_name.clone()),
        "spec.serviceAccountName" => spec.and_then(|spec| spec.service_account_name.clone()),
        "status.hostIP" | "status.hostIPs" => Some(node.host_ip.to_owned()),
        path if is_pod_ip(path) => {
            let why = "the address is not known before the pod starts";
            let unknown = || refused(format!("fieldRef {path} is not supported: {why}"));
            Some(node.pod_ip.ok_or_else(unknown)?.to_owned())
        }
        _ => return Err(refused(format!("fieldRef {path} is not supported"))),
    };
    Ok(value.unwrap_or_default())
}

fn lines(values: &BTreeMap<String, String>) -> String {
    values.iter().map(|(key, value)| format!("{key}={}", quoted(value))).collect::<Vec<_>>().join("\n")
}

/// As the kubelet of Kubernetes writes it, with `%q` of Go: what programs read back with the rules of that language.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for one in text.chars() {
        let code = u32::from(one);
        match one {
            '"' | '\\' => out.extend(['\\', one]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            _ if one.is_ascii_control() => out.push_str(&format!("\\x{code:02x}")),
            _ if one.is_ascii() || is_printable(one) => out.push(one),
            _ if code < 0x1_0000 => out.push_str(&format!("\\u{code:04x}")),
            _ => out.push_str(&format!("\\U{code:08x}")),
        }
    }
    out.push('"');
    out
}

/// Letters, marks, digits, punctuation and symbols: Go and Rust mean the same. Rust also escapes a mark, but not behind
/// another character, where it has something to stand on.
fn is_printable(one: char) -> bool {
    format!("a{one}").escape_debug().count() == 2
}

pub(crate) fn resource_value(
    pod: &Pod,
    container: &Container,
    allocatable: &BTreeMap<String, String>,
    selector: &ResourceFieldSelector,
) -> Result<String, Problem> {
    let wrong = || refused(format!("resourceFieldRef {} is not supported", selector.resource));
    let named = selector.container_name.as_deref().filter(|name| !name.is_empty());
    let container = match named {
        Some(name) => all_containers(pod).find(|one| one.name == name).ok_or_else(wrong)?,
        None => container,
    };
    let (kind, resource) = selector.resource.split_once('.').ok_or_else(wrong)?;
    let resources = container.resources.as_ref();
    let limit = resources.and_then(|all| all.limits.as_ref()?.get(resource));
    let request = resources.and_then(|all| all.requests.as_ref()?.get(resource));
    let set = match kind {
        "limits" => limit,
        "requests" => request.or(limit),
        _ => return Err(wrong()),
    };
    let text = match (set, kind) {
        (Some(Quantity(text)), _) => text.clone(),
        (None, "requests") => "0".to_owned(),
        (None, _) => allocatable.get(resource).cloned().ok_or_else(wrong)?,
    };
    let divisor = selector.divisor.as_ref().map(|one| one.0.as_str()).filter(|one| !one.is_empty() && *one != "0");
    let amount = milli(&text).ok_or_else(wrong)?;
    let unit = milli(divisor.unwrap_or("1")).filter(|unit| *unit > 0).ok_or_else(wrong)?;
    // Rounded up, as Kubernetes does: half a core in whole cores is one.
    Ok(amount.div_ceil(unit).to_string())
}

/// A quantity in thousandths.
pub(super) fn milli(text: &str) -> Option<u128> {
    const UNITS: [(&str, u128); 13] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("Pi", 1 << 50),
        ("Ei", 1 << 60),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("P", 1_000_000_000_000_000),
        ("E", 1_000_000_000_000_000_000),
        ("", 1),
    ];
    if let Some(number) = text.strip_suffix('m') {
        return number.parse().ok();
    }
    // `129e6`; not `2E`, which is a unit.
    if let Some((number, power)) = text.split_once(['e', 'E'])
        && let Ok(power) = power.parse::<i32>()
    {
        let (number, size) = (thousandths(number)?, 10_u128.checked_pow(power.unsigned_abs())?);
        return if power < 0 { Some(number.div_ceil(size)) } else { number.checked_mul(size) };
    }
    let (number, unit) = UNITS.iter().find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, unit)))?;
    thousandths(number)?.checked_mul(*unit)
}

/// A plain number.
fn thousandths(number: &str) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let rest: u128 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    whole.parse::<u128>().ok()?.checked_mul(1000)?.checked_add(rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_container_is_found_by_its_name_also_one_that_initializes() {
        let limits = |memory: &str| json!({"limits": {"memory": memory}});
        let spec = json!({"initContainers": [{"name": "first", "resources": limits("64Mi")}],
            "containers": [{"name": "app", "resources": limits("1Gi")}]});
        let pod: Pod = serde_json::from_value(json!({"spec": spec})).unwrap();
        let app = &pod.spec.as_ref().unwrap().containers[0];
        let of = |name: &str| {
            let (container_name, divisor) = (Some(name.to_owned()), Some(Quantity("1Mi".into())));
            let selector = ResourceFieldSelector { container_name, divisor, resource: "limits.memory".into() };
            resource_value(&pod, app, &BTreeMap::new(), &selector).ok()
        };
        assert_eq!((of("first").as_deref(), of("app").as_deref(), of("none")), (Some("64"), Some("1024"), None));
    }

    #[test]
    fn labels_and_annotations_are_quoted_as_the_kubelet_quotes_them() {
        // What `fmt.Sprintf("%q", …)` of Go makes of the same text.
        for (text, wanted) in [
            ("", r#""""#),
            ("a plain one, it's said", r#""a plain one, it's said""#),
            (r#"{"a": "b\n"}"#, r#""{\"a\": \"b\\n\"}""#),
            (r"C:\dir", r#""C:\\dir""#),
            ("two\nlines\r\n\tand more", r#""two\nlines\r\n\tand more""#),
            ("\u{7}\u{8}\u{b}\u{c}", r#""\a\b\v\f""#),
            ("\0\u{1}\u{1b}[0m\u{7f}", r#""\x00\x01\x1b[0m\x7f""#),
            ("Gr\u{fc}n, \u{6771}\u{4eac}, \u{1f680}", "\"Gr\u{fc}n, \u{6771}\u{4eac}, \u{1f680}\""),
            ("e\u{301} and \u{301}", "\"e\u{301} and \u{301}\""),
            ("\u{85}\u{a0}\u{ad}\u{200b}\u{2028}\u{feff}", r#""\u0085\u00a0\u00ad\u200b\u2028\ufeff""#),
            ("\u{fffd}", "\"\u{fffd}\""),
            ("\u{e000}\u{e0001}\u{10ffff}", r#""\ue000\U000e0001\U0010ffff""#),
        ] {
            assert_eq!(quoted(text), wanted, "{text:?}");
        }
        let labels = BTreeMap::from([("b", "2\"3"), ("a", "1")].map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(lines(&labels), "a=\"1\"\nb=\"2\\\"3\"");
    }

    #[test]
    fn quantities_are_read_in_thousandths() {
        assert_eq!(milli("500m"), Some(500));
        assert_eq!(milli("1.5"), Some(1500));
        assert_eq!(milli("2Ki"), Some(2_048_000));
        assert_eq!(milli("1G"), Some(1_000_000_000_000));
        assert_eq!(milli("129e6"), Some(129_000_000_000));
        assert_eq!(milli("5e-1"), Some(500));
        assert_eq!((milli("1E"), milli("1Ei")), (Some(10_u128.pow(21)), Some(1000 << 60)));
        assert_eq!((milli("x"), milli("1e99"), milli("1e")), (None, None, None));
    }
}
