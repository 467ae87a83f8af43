//! A namespace of a console of its own, and who works in it.

use testkit::{Client, TestApp};

use crate::CONSOLE;

pub struct Place {
    pub app: TestApp,
    pub member: Client,
    pub id: String,
    pub kubernetes_name: String,
}

impl Place {
    pub async fn new() -> Self {
        let app = TestApp::start(CONSOLE).await;
        let member = app.operator().await;
        let namespace = app.namespace(&member).await;
        let text = |key: &str| namespace[key].as_str().unwrap().to_owned();
        Self { id: text("id"), kubernetes_name: text("kubernetes_name"), member, app }
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/v1/kubernetes/namespaces/{}/{rest}", self.id)
    }
}
