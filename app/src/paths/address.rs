//! Addresses put together: queries, parts and what leads elsewhere. What all paths of the console are made with.
//!
//! Values are percent-encoded here and nowhere else.

/// A path of the REST API: what programs ask where people have the page.
pub fn rest(parts: &[&str]) -> String {
    parts.iter().fold("/v1".to_owned(), |path, part| format!("{path}/{}", encode(part)))
}

/// What an address says of what was just done.
const NOTICE: [&str; 2] = ["done=", "name="];

/// `path` with the query of the present page, ordered otherwise and from the beginning. What was just done is not said
/// again.
pub fn sorted(path: &str, search: &str, sort: Option<&str>) -> String {
    let dropped = [NOTICE.as_slice(), &["sort=", "cursor="]].concat();
    without(path, search, &dropped, sort.map(|sort| format!("sort={sort}")))
}

/// `address` without what was just done; nothing where it does not say that.
pub fn without_notice(address: &str) -> Option<String> {
    let (page, hash) = address.split_at(address.find('#').unwrap_or(address.len()));
    let (path, search) = page.split_once('?')?;
    let says = search.split('&').any(|pair| pair.starts_with(NOTICE[0]));
    says.then(|| without(path, search, &NOTICE, None) + hash)
}

/// `path` with a query string but for the pairs that begin like one of `dropped`, and with one more.
fn without(path: &str, search: &str, dropped: &[&str], more: Option<String>) -> String {
    let other = |pair: &&str| !pair.is_empty() && !dropped.iter().any(|name| pair.starts_with(name));
    let kept = search.trim_start_matches('?').split('&').filter(other).map(str::to_owned);
    let query = kept.chain(more).collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// `path`, which has a query, of a thing as it is since `version`: another address, so that the page loads anew.
pub fn at_version(path: &str, version: &str) -> String {
    format!("{path}&version={}", encode(version))
}

/// `path` with a query string, after the one that it has.
pub fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let query: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
    let begin = if path.contains('?') { '&' } else { '?' };
    format!("{path}{begin}{}", query.join("&"))
}

/// `next` if it is a path on this very site, never a URL to elsewhere (`security.md` §4.5).
pub fn local(next: &str) -> Option<&str> {
    let local = next.starts_with('/') && !next.starts_with("//");
    // Browsers read `\` as `/`, drop tabs and newlines; a Location header takes ASCII only.
    let plain = next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    (local && plain).then_some(next)
}

/// Percent-encodes what is none of the letters that every address may hold.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_order_keeps_the_filters_and_drops_the_notice_and_the_place() {
        assert_eq!(
            sorted("/catalogue", "?kind=gpu&sort=sku&cursor=1&done=x&name=y", Some("-sku")),
            "/catalogue?kind=gpu&sort=-sku"
        );
        assert_eq!(sorted("/catalogue", "?sort=-sku", None), "/catalogue");
    }

    #[test]
    fn an_address_loses_what_was_just_done_and_nothing_else() {
        assert_eq!(without_notice("/config?done=secret-deleted.7&name=a%20b").as_deref(), Some("/config"));
        assert_eq!(
            without_notice("/engines/x?do=rotate&done=engine-checked.8&name=demo#log").as_deref(),
            Some("/engines/x?do=rotate#log")
        );
        for other in ["/config", "/cli?name=laptop", "/config?undone=1", "/config#?done=x"] {
            assert_eq!(without_notice(other), None, "{other}");
        }
    }

    #[test]
    fn a_path_of_the_api_is_made_of_encoded_parts() {
        assert_eq!(rest(&["members"]), "/v1/members");
        assert_eq!(rest(&["platform", "skus", "a/b"]), "/v1/platform/skus/a%2Fb");
    }
}
