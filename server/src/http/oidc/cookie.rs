//! The two short-lived cookies of a sign-in with a provider: the flow under way, and the way to sign out there.
//! Both are encrypted, and `__Host-` wherever the console is reached over TLS.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::oidc::flow::LIFE;
use crate::oidc::seal::Seal;
use crate::public_url::PublicUrl;

const FAREWELL: &str = "oidc farewell 1";
// Beyond that, browsers drop the cookie.
const LARGEST: usize = 3800;

/// Name of the flow's cookie.
pub fn flow_name(url: &PublicUrl) -> &'static str {
    if url.is_https() { "__Host-remotegpu-oidc" } else { "remotegpu-oidc" }
}

/// Name of the cookie that holds what a provider needs to sign somebody out.
pub fn farewell_name(url: &PublicUrl) -> &'static str {
    if url.is_https() { "__Host-remotegpu-farewell" } else { "remotegpu-farewell" }
}

/// Sets the flow's cookie.
pub fn flow(url: &PublicUrl, value: &str) -> Option<HeaderValue> {
    set(url, flow_name(url), value, LIFE.as_secs())
}

/// Removes the flow's cookie.
pub fn no_flow(url: &PublicUrl) -> HeaderValue {
    removal(url, flow_name(url))
}

/// Sets the cookie with which a browser may sign out of the provider too.
pub fn farewell_cookie(url: &PublicUrl, value: &str) -> Option<HeaderValue> {
    set(url, farewell_name(url), value, LIFE.as_secs())
}

/// Removes it.
pub fn no_farewell(url: &PublicUrl) -> HeaderValue {
    removal(url, farewell_name(url))
}

/// An ID token, encrypted for one provider; none when a cookie could not hold it.
pub fn sealed_farewell(seal: &Seal, provider: &str, id_token: &SecretString) -> Option<String> {
    let value = seal.seal(&format!("{FAREWELL} {provider}"), id_token.expose_secret().as_bytes())?;
    (value.len() <= LARGEST).then_some(value)
}

/// The ID token of such a value, for the same provider.
pub fn farewell(seal: &Seal, value: &str, provider: &str) -> Option<String> {
    String::from_utf8(seal.open(&format!("{FAREWELL} {provider}"), value)?).ok()
}

/// One cookie of a request.
pub fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
    all.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

fn set(url: &PublicUrl, name: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
    let secure = if url.is_https() { " Secure;" } else { "" };
    // Lax: the way back from the provider is a navigation from another site.
    let text = format!("{name}={value}; HttpOnly; SameSite=Lax;{secure} Path=/; Max-Age={seconds}");
    HeaderValue::from_str(&text).ok()
}

fn removal(url: &PublicUrl, name: &str) -> HeaderValue {
    set(url, name, "", 0).unwrap_or_else(|| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookies_bind_to_the_host_and_end_soon() {
        let url = PublicUrl::new(Some("https://console.example.com"), "0.0.0.0:1".parse().unwrap()).unwrap();
        let text = "__Host-remotegpu-oidc=v; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600";
        assert_eq!(flow(&url, "v").unwrap(), text);
        assert_eq!(no_flow(&url), text.replace("=v;", "=;").replace("600", "0"));
    }

    #[test]
    fn one_cookie_is_found_among_many() {
        let headers: HeaderMap =
            [(COOKIE, HeaderValue::from_static("a=1; remotegpu-oidc=x=y; b=2"))].into_iter().collect();
        assert_eq!(read(&headers, "remotegpu-oidc").as_deref(), Some("x=y"));
        assert_eq!(read(&headers, "remotegpu"), None);
    }
}
