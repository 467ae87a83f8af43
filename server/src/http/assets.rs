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
/// Lies beside the executable and names the folder below it that holds this build's files.
const HASH_FILE: &str = "hash.txt";

/// What the pages must know of the client files; nothing is read from a Cargo.toml.
pub fn leptos_options(site_root: &Path) -> LeptosOptions {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join(HASH_FILE)));
    let hash = beside.and_then(|file| std::fs::read_to_string(file).ok());
    LeptosOptions::builder()
        .output_name(OUTPUT_NAME)
        .site_root(site_root.to_string_lossy())
        .site_pkg_dir(hash.map_or_else(|| PKG_DIR.to_owned(), |hash| format!("{PKG_DIR}/{}", hash.trim())))
        .env(Env::PROD)
        .hash_files(false)
        .build()
}

/// Serves the files of `site_root/pkg` under `/pkg`.
pub fn service(site_root: &Path) -> ServeDir {
    ServeDir::new(site_root.join(PKG_DIR))
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip()
}

/// Middleware: a file in a folder named after its contents never changes, any other is asked for again.
pub async fn cache(request: Request, next: Next) -> Response {
    let lasting = is_hashed(request.uri().path());
    let mut response = next.run(request).await;
    let lasting = lasting && response.status().is_success();
    let value = if lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(value));
    response
}

/// `…/<16 hexadecimal digits>/NAME`; the middleware sees the path below `/pkg`.
fn is_hashed(path: &str) -> bool {
    let folder = path.trim_start_matches("/pkg").trim_start_matches('/').split('/').next().unwrap_or_default();
    folder.len() == 16 && folder.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_a_named_build_are_kept_for_good() {
        for (path, hashed) in [
            ("/pkg/0123456789abcdef/remotegpu.js", true),
            ("/0123456789abcdef/remotegpu_bg.wasm", true),
            ("/pkg/0123456789abcdef/snippets/a/inline0.js", true),
            ("/pkg/remotegpu.js", false),
            ("/pkg/inter.latin.woff2", false),
            ("/pkg/", false),
        ] {
            assert_eq!(is_hashed(path), hashed, "{path}");
        }
    }
}
