//! A person or program that talks HTTP to a console: anonymous, signed in, or with an API key.

use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, SET_COOKIE};
use serde_json::Value;

use crate::Contract;

/// One kind of user; clones share nothing but the cookie they were made with.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    headers: Vec<(String, String)>,
    unchecked: bool,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as text.
    pub text: String,
}

impl Client {
    /// Nobody in particular.
    pub fn anonymous(base: &str) -> Self {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        Self { http: builder.build().unwrap(), base: base.to_owned(), headers: Vec::new(), unchecked: false }
    }

    /// The same with one more header on each request.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, whose answers are not held against the API document: for measuring, where that would be most of the time.
    pub fn unchecked(mut self) -> Self {
        self.unchecked = true;
        self
    }

    /// The same person at another address.
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// The same, signed in. Panics unless the sign-in succeeds.
    pub async fn sign_in(self, email: &str, password: &str) -> Self {
        let reply = self.post("/v1/auth/login", serde_json::json!({"email": email, "password": password})).await;
        assert_eq!(reply.status, 200, "sign-in of {email}: {}", reply.text);
        let cookie = reply.headers.get(SET_COOKIE).expect("a session cookie").to_str().unwrap().to_owned();
        let pair = cookie.split(';').next().unwrap().to_owned();
        self.with(COOKIE.as_str(), &pair)
    }

    /// The cookie this client sends, if any.
    pub fn cookie(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == COOKIE.as_str()).map(|(_, value)| value.as_str())
    }

    /// The console's API document.
    pub async fn contract(&self) -> std::sync::Arc<Contract> {
        Contract::of(&self.http, &self.base).await
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    /// How long the first byte of an answer's body took. The rest is read as well, so that the connection serves the next
    /// request. Panics unless the answer is 200 and has a body.
    pub async fn first_byte(&self, path: &str) -> Duration {
        let mut request = self.http.get(format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let begun = Instant::now();
        let mut response = request.send().await.expect("the console answers");
        let first = response.chunk().await.expect("a body");
        let took = begun.elapsed();
        assert!(response.status() == 200 && first.is_some(), "{path}: {}", response.status());
        while response.chunk().await.expect("a whole body").is_some() {}
        took
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body.to_string())).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, Some(body.to_string())).await
    }

    /// PUT with a JSON body.
    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(body.to_string())).await
    }

    /// DELETE without a body.
    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }

    /// POST of a form, as a browser without scripts sends it; `pairs` are encoded already.
    pub async fn post_form(&self, path: &str, pairs: &str) -> Reply {
        let form = "application/x-www-form-urlencoded";
        self.send_as(Method::POST, path, Some((form, pairs.to_owned()))).await
    }

    /// Any method, and a body that is sent as JSON but may be anything.
    pub async fn send(&self, method: Method, path: &str, body: Option<String>) -> Reply {
        self.send_as(method, path, body.map(|body| ("application/json", body))).await
    }

    async fn send_as(&self, method: Method, path: &str, body: Option<(&str, String)>) -> Reply {
        let name = method.as_str().to_owned();
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some((media_type, body)) = body {
            request = request.header(CONTENT_TYPE, media_type).body(body);
        }
        let response = request.send().await.expect("the console answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let reply = Reply { status, headers, text: response.text().await.expect("a whole body") };
        if path.starts_with("/v1/") && !self.unchecked {
            let contract = Contract::of(&self.http, &self.base).await;
            contract.check(&name, path, status, &reply.header("content-type"), &reply.text);
        }
        reply
    }
}

impl Reply {
    /// The body as JSON, `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// One string field of the JSON body, by pointer.
    #[track_caller]
    pub fn str(&self, pointer: &str) -> String {
        let body = self.json();
        let found = body.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no text at {pointer} in {}", self.text)).to_owned()
    }

    /// A header, empty when absent.
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
    }

    /// Asserts a problem document with status, code and sentence.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str, detail: &str) {
        let body = self.json();
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!((body["code"].as_str(), body["detail"].as_str()), (Some(code), Some(detail)), "{}", self.text);
        assert_eq!(body["status"], status);
        assert!(body["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{}", self.text);
    }
}
