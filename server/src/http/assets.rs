//! The built client files: precompressed, hashed names cached for good.

use std::path::Path;

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::middleware::Next;
use axum::response::Response;
use leptos::config::{Env, LeptosOptions};
use tower_http::services::ServeDir;

/// Base name of the client's files: `remotegpu.js`, `remotegpu_bg.wasm`, `remotegpu.css`.
pub const OUTPUT_NAME: &str = "remotegpu";
/// Directory of the client's files, under the site root and in URLs.
pub const PKG_DIR: &str = "pkg";
/// Lies beside the executable when the build gave the files hashed names.
const HASH_FILE: &str = "hash.txt";

/// What the pages must know of the client files; nothing is read from a Cargo.toml.
pub fn leptos_options(site_root: &Path) -> LeptosOptions {
    let hashed = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(HASH_FILE).is_file()));
    LeptosOptions::builder()
        .output_name(OUTPUT_NAME)
        .site_root(site_root.to_string_lossy())
        .site_pkg_dir(PKG_DIR)
        .env(Env::PROD)
        .hash_file(HASH_FILE.into())
        .hash_files(hashed.unwrap_or(false))
        .build()
}

/// Serves the files of `site_root/pkg` under `/pkg`.
pub fn service(site_root: &Path) -> ServeDir {
    ServeDir::new(site_root.join(PKG_DIR))
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip()
}

/// Middleware: a file with a hash in its name never changes, any other is asked for again.
pub async fn cache(request: Request, next: Next) -> Response {
    let lasting = is_hashed(request.uri().path());
    let mut response = next.run(request).await;
    let lasting = lasting && response.status().is_success();
    let value = if lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(value));
    response
}

/// `NAME.<hash>.<extension>` with a hash of at least 8 characters.
fn is_hashed(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default();
    let mut parts = file.rsplit('.').skip(1);
    let hash = parts.next().unwrap_or_default();
    let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    hash.len() >= 8 && hash.bytes().all(safe) && parts.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hashed_names_are_kept_for_good() {
        for (path, hashed) in [
            ("/pkg/remotegpu.Ab12Cd34Ef.js", true),
            ("/pkg/remotegpu.0123456789abcdef.wasm", true),
            ("/pkg/remotegpu.js", false),
            ("/pkg/remotegpu_bg.wasm", false),
            ("/pkg/inter.latin.woff2", false),
            ("/pkg/", false),
        ] {
            assert_eq!(is_hashed(path), hashed, "{path}");
        }
    }
}
