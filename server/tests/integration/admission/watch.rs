//! The webhook's own watch behind faults: what is re-priced or retired while the line is broken is known soon after.

use serde_json::{Value, json};
use testkit::{Authority, CallProxy, Dialect, FaultProxy, Plane, Replica, Webhook, eventually, unique};

use super::webhook::{PRICE, make};
use crate::CONSOLE;
use crate::sku::{SKUS, spec};

/// A webhook that reaches the API server only through a proxy, and a SKU that only this test sells.
struct Stage {
    webhook: Webhook,
    namespace: String,
    code: String,
    _replica: Replica,
}

impl Stage {
    async fn behind(server: &str) -> Self {
        let authority = Authority::new();
        let (webhook, code) = (Webhook::new(CONSOLE, &authority), unique("sku"));
        let sku = json!({"apiVersion": "remotegpu.ai/v1alpha1", "kind": "Sku", "metadata": {"name": code},
            "spec": spec("1.25")});
        webhook.api.create(SKUS, &sku).await.done();
        let replica = webhook.replica(&authority, Some(server)).await;
        webhook.register(&replica.address, &[&authority], |text| text).await;
        let namespace = webhook.namespace(&[]).await;
        let stage = Self { webhook, namespace, code, _replica: replica };
        stage.sells_at("1.25 EUR").await;
        stage
    }

    fn path(&self) -> String {
        format!("{SKUS}/{}", self.code)
    }

    /// Past the proxy.
    async fn change(&self, spec: Value) {
        self.webhook.api.change(&self.path(), Dialect::MergePatch, &json!({"spec": spec})).await.done();
    }

    async fn sells_at(&self, price: &str) {
        eventually("pods carry the price", async || {
            let reply = make(&self.webhook, &self.namespace, &self.code).await;
            if reply.body.pointer(PRICE) == Some(&json!(price)) { Ok(()) } else { Err(reply.body) }
        })
        .await;
    }

    async fn sells_no_more(self) {
        eventually("the SKU is refused", async || {
            let reply = make(&self.webhook, &self.namespace, &self.code).await;
            if reply.body.to_string().contains("is no longer sold") { Ok(()) } else { Err(reply.body) }
        })
        .await;
        self.webhook.api.delete(&self.path()).await.done();
    }
}

fn new_price() -> Value {
    json!({"price": {"perHour": "2.75", "currency": "EUR"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_whose_version_is_gone_lists_anew_and_knows_the_new_price() {
    let proxy = CallProxy::to(Plane::current()).await;
    let stage = Stage::behind(&proxy.server()).await;
    version_gone(&stage, &proxy, 1, new_price()).await;
    stage.sells_at("2.75 EUR").await;
    version_gone(&stage, &proxy, 2, json!({"retired": true})).await;
    stage.sells_no_more().await;
}

/// A SKU changes while no watch is open: only the new list can tell. `watches` were begun before.
async fn version_gone(stage: &Stage, proxy: &CallProxy, watches: usize, change: Value) {
    eventually("SKUs are watched", async || match proxy.count("WATCH", SKUS) {
        begun if begun >= watches => Ok(()),
        begun => Err(begun),
    })
    .await;
    let list = proxy.hold("GET", SKUS);
    proxy.expire();
    list.reached().await;
    stage.change(change).await;
    list.release();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_whose_api_server_was_away_knows_what_was_changed_meanwhile() {
    let proxy = FaultProxy::to(&Plane::current().server()).await;
    let stage = Stage::behind(&proxy.server()).await;
    away(&stage, &proxy, new_price()).await;
    stage.sells_at("2.75 EUR").await;
    away(&stage, &proxy, json!({"retired": true})).await;
    stage.sells_no_more().await;
}

/// The API server is gone while a SKU changes, and so long that the webhook has tried in vain more than once.
async fn away(stage: &Stage, proxy: &FaultProxy, change: Value) {
    proxy.cut();
    stage.change(change).await;
    let tried = proxy.connections();
    eventually("it tries again and again", async || match proxy.connections() - tried {
        tries if tries >= 8 => Ok(()),
        tries => Err(tries),
    })
    .await;
    proxy.pass();
}
