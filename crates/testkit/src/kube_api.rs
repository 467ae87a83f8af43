//! Talks to the API server itself, in every dialect it understands: what kubectl would never send is sent too.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use crate::Plane;

/// How a change is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// RFC 6902.
    JsonPatch,
    /// RFC 7386.
    MergePatch,
    /// Kubernetes' own.
    StrategicMergePatch,
    /// Server-side apply, with force.
    Apply,
    /// The whole object, PUT.
    Replace,
}

/// Somebody who calls the API server.
#[derive(Clone)]
pub struct KubeApi {
    http: reqwest::Client,
    base: String,
    headers: Vec<(&'static str, String)>,
}

/// An answer of the API server.
#[derive(Debug)]
pub struct KubeReply {
    /// HTTP status.
    pub status: u16,
    /// An object, a list or a Status.
    pub body: Value,
}

// === impl KubeApi ===

impl KubeApi {
    /// The cluster's administrator.
    pub fn admin(plane: &Plane) -> Self {
        let read =
            |file: &str| std::fs::read(plane.pki_file(file)).expect("the administrator's certificate can be read");
        let pem = [read("admin.crt"), read("admin.key")].concat();
        Self::new(plane, |http| http.identity(reqwest::Identity::from_pem(&pem).expect("a certificate with its key")))
    }

    /// The holder of a token.
    pub fn with_token(plane: &Plane, token: &str) -> Self {
        Self::new(plane, |http| http).with("authorization", format!("Bearer {token}"))
    }

    /// The administrator in somebody else's name. Only what that user may do is possible.
    pub fn as_user(&self, user: &str) -> Self {
        self.clone().with("impersonate-user", user.to_owned())
    }

    fn new(plane: &Plane, more: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> Self {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let ca = std::fs::read(plane.ca_file()).expect("the API server's CA can be read");
        let ca = reqwest::Certificate::from_pem(&ca).expect("a certificate");
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([ca]);
        Self { http: more(http).build().expect("a client"), base: plane.server(), headers: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// GET.
    pub async fn get(&self, path: &str) -> KubeReply {
        self.send(Method::GET, path, None).await
    }

    /// POST.
    pub async fn create(&self, path: &str, object: &Value) -> KubeReply {
        self.send(Method::POST, path, Some(("application/json", object))).await
    }

    /// DELETE, without waiting for grace periods.
    pub async fn delete(&self, path: &str) -> KubeReply {
        self.send(Method::DELETE, &with_query(path, "gracePeriodSeconds=0"), None).await
    }

    /// A change in one dialect. [`Dialect::Apply`] and [`Dialect::Replace`] take an object, the others a patch.
    pub async fn change(&self, path: &str, dialect: Dialect, change: &Value) -> KubeReply {
        let (method, media_type) = match dialect {
            Dialect::JsonPatch => (Method::PATCH, "application/json-patch+json"),
            Dialect::MergePatch => (Method::PATCH, "application/merge-patch+json"),
            Dialect::StrategicMergePatch => (Method::PATCH, "application/strategic-merge-patch+json"),
            Dialect::Apply => (Method::PATCH, "application/apply-patch+yaml"),
            Dialect::Replace => (Method::PUT, "application/json"),
        };
        let path = match dialect {
            Dialect::Apply => with_query(path, "fieldManager=test&force=true"),
            _ => path.to_owned(),
        };
        self.send(method, &path, Some((media_type, change))).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> KubeReply {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some((media_type, body)) = body {
            request = request.header(CONTENT_TYPE, media_type).body(body.to_string());
        }
        let response = request.send().await.expect("the API server answers");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a whole body");
        KubeReply { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }
}

// === impl KubeReply ===

impl KubeReply {
    /// The object of an answer that must be a success.
    #[track_caller]
    pub fn done(self) -> Value {
        assert!(self.status < 300, "{}: {}", self.status, self.body);
        self.body
    }

    /// The sentence of an answer that must be a refusal.
    #[track_caller]
    pub fn refused(&self) -> String {
        assert!(self.status >= 400, "should have been refused: {}", self.body);
        self.body["message"].as_str().unwrap_or_default().to_owned()
    }
}

fn with_query(path: &str, query: &str) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}{query}")
}
