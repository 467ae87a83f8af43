//! Usage records on the wire and as CSV.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Month, UsageRecord};
use crate::csv;
use crate::money::Decimal;
use crate::order::Direction;

/// The columns of the CSV, in the order of [`UsageRecord::write_csv`].
const COLUMNS: [&str; 18] = [
    "namespace",
    "kubernetes_name",
    "member",
    "pod",
    "sku_code",
    "engine",
    "price_per_hour",
    "currency",
    "started_at",
    "ended_at",
    "running",
    "seconds",
    "cost",
    "pod_uid",
    "namespace_id",
    "id",
    "api_key_name",
    "api_key_id",
];

/// Which records are wanted, as they come in a query string; empty fields (of a form) are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct UsageListQuery {
    /// `2026-11` (UTC); this month when unsaid.
    #[cfg_attr(feature = "openapi", param(pattern = r"^(20[2-9]\d|2100)-(0[1-9]|1[0-2])$"))]
    pub month: Option<String>,
    /// Id of a namespace.
    #[cfg_attr(feature = "openapi", param(format = "uuid"))]
    pub namespace: Option<String>,
    /// SKU code.
    #[cfg_attr(feature = "openapi", param(max_length = 63, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"))]
    pub sku: Option<String>,
    /// Rows per page.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 200, default = 50))]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[cfg_attr(feature = "openapi", param(min_length = 1, max_length = 64))]
    pub cursor: Option<String>,
    /// `asc`: the oldest first; `desc` when unsaid.
    #[cfg_attr(feature = "openapi", param(inline))]
    pub order: Option<Direction>,
}

/// A usage record on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageView {
    /// Id.
    pub id: String,
    /// Where it ran.
    pub namespace_id: String,
    /// Console name of the namespace.
    pub namespace: String,
    /// Its name in the cluster.
    pub kubernetes_name: String,
    /// Who ordered it: the owner of the key, or a person in the console. Who made the namespace, where nobody knows.
    pub member: String,
    /// Name of the pod.
    pub pod: String,
    /// Its uid.
    pub pod_uid: String,
    /// What was sold.
    pub sku_code: String,
    /// Engine behind its node.
    pub engine: String,
    /// Per hour, as admission froze it.
    pub price_per_hour: String,
    /// ISO 4217.
    pub currency: String,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339; none while it runs.
    pub ended_at: Option<String>,
    /// It runs now.
    pub running: bool,
    /// In this month, so far.
    pub seconds: i64,
    /// What they cost.
    pub cost: String,
    /// The API key that ordered it; none where a person or nobody known did.
    pub api_key_id: Option<String>,
    /// What it was called then.
    pub api_key_name: Option<String>,
}

// === impl UsageListQuery ===

impl UsageListQuery {
    /// The month that is wanted.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] on field `month`.
    pub fn month(&self, now: Timestamp) -> crate::Result<Month> {
        match self.month.as_deref() {
            Some(text) => Month::parse(text),
            None => Ok(Month::of(now)),
        }
    }
}

// === impl UsageView ===

impl UsageView {
    /// The head of the CSV.
    pub fn csv_head() -> String {
        let mut head = String::new();
        csv::row(&mut head, COLUMNS);
        head
    }
}

// === impl UsageRecord ===

impl UsageRecord {
    /// The wire form at `now`.
    pub fn view(&self, now: Timestamp) -> UsageView {
        UsageView {
            id: self.id.to_string(),
            namespace_id: self.namespace_id.to_string(),
            namespace: self.namespace.clone(),
            kubernetes_name: self.kubernetes_name.clone(),
            member: self.member.clone(),
            pod: self.pod.clone(),
            pod_uid: self.pod_uid.clone(),
            sku_code: self.sku_code.clone(),
            engine: self.engine.clone(),
            price_per_hour: self.price.decimal(),
            currency: self.price.currency.as_str().to_owned(),
            started_at: self.started_at.to_string(),
            ended_at: self.ended_at.map(|end| end.to_string()),
            running: self.online(),
            seconds: self.seconds(now),
            cost: self.cost(now).decimal(),
            api_key_id: self.key.as_ref().map(|key| key.id.to_string()),
            api_key_name: self.key.as_ref().map(|key| key.name.clone()),
        }
    }

    /// Writes it, as [`Self::view`] shows it, as a row of the CSV: without a text for each cell, as a month may have a
    /// million rows.
    pub fn write_csv(&self, now: Timestamp, out: &mut String) {
        let (seconds, micros) = self.charged(now);
        for text in [&self.namespace, &self.kubernetes_name, &self.member, &self.pod, &self.sku_code, &self.engine] {
            csv::cell(out, text);
            out.push(',');
        }
        csv::plain(out, Decimal(self.price.micros));
        out.push(',');
        csv::cell(out, self.price.currency.as_str());
        out.push(',');
        csv::plain(out, self.started_at);
        out.push(',');
        match self.ended_at {
            Some(end) => csv::plain(out, end),
            None => csv::plain(out, ""),
        }
        out.push_str(if self.online() { ",\"true\"," } else { ",\"false\"," });
        csv::plain(out, seconds);
        out.push(',');
        csv::plain(out, Decimal(micros));
        out.push(',');
        csv::cell(out, &self.pod_uid);
        out.push(',');
        csv::plain(out, self.namespace_id);
        out.push(',');
        csv::plain(out, self.id);
        out.push(',');
        csv::cell(out, self.key.as_ref().map_or("", |key| key.name.as_str()));
        out.push(',');
        match &self.key {
            Some(key) => csv::plain(out, key.id),
            None => csv::plain(out, ""),
        }
        out.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ApiKeyId;
    use crate::usage::UsageKey;
    use crate::usage::tests::{at, record};

    /// Each column of the CSV as the wire form has it.
    fn cells<'a>(view: &'a UsageView, seconds: &'a str) -> [&'a str; 18] {
        [
            &view.namespace,
            &view.kubernetes_name,
            &view.member,
            &view.pod,
            &view.sku_code,
            &view.engine,
            &view.price_per_hour,
            &view.currency,
            &view.started_at,
            view.ended_at.as_deref().unwrap_or_default(),
            if view.running { "true" } else { "false" },
            seconds,
            &view.cost,
            &view.pod_uid,
            &view.namespace_id,
            &view.id,
            view.api_key_name.as_deref().unwrap_or_default(),
            view.api_key_id.as_deref().unwrap_or_default(),
        ]
    }

    #[test]
    fn every_cell_says_what_the_wire_form_says() {
        let key = |name: &str| Some(UsageKey { id: ApiKeyId::new(uuid::Uuid::from_u128(9)), name: name.into() });
        let now = at("2026-11-22T00:00:00.25Z");
        let (start, end) = (at("2026-11-21T10:00:00.007Z"), at("2026-12-01T00:00:07Z"));
        let plain = record(3_290_000, start, Some(end));
        let odd =
            UsageRecord { namespace: "a\"b,\r\n".into(), member: "+1".into(), engine: String::new(), ..plain.clone() };
        let keyed = UsageRecord { key: key("\t@x"), ended_at: None, pod_uid: " -1".into(), ..record(1, start, None) };
        for record in [plain, odd, keyed, record(i64::MAX, start, Some(start)), record(12_345_678, now, None)] {
            let (view, mut told, mut line) = (record.view(now), String::new(), String::new());
            let seconds = view.seconds.to_string();
            csv::row(&mut told, cells(&view, &seconds));
            record.write_csv(now, &mut line);
            assert_eq!(line, told);
        }
    }

    #[test]
    fn head_and_rows_of_the_csv_have_the_same_columns() {
        let mut record = record(3_290_000, at("2026-11-21T10:00:00Z"), Some(at("2026-11-21T11:00:00Z")));
        record.pod = "=HYPERLINK(1)".into();
        record.key = Some(UsageKey { id: ApiKeyId::new(uuid::Uuid::from_u128(9)), name: "ci".into() });
        let now = at("2026-11-22T00:00:00Z");
        assert_eq!(cells(&record.view(now), "").len(), COLUMNS.len());
        let mut line = String::new();
        record.write_csv(now, &mut line);
        let whole = [
            "\"team-ml\",\"team-ml-00000003\",\"ada@example.com\",\"'=HYPERLINK(1)\",\"gpu-h100-1x\",\"simulated\"",
            "\"3.29\",\"EUR\",\"2026-11-21T10:00:00Z\",\"2026-11-21T11:00:00Z\",\"false\",\"3600\",\"3.29\"",
            "\"uid-1\",\"00000000-0000-0000-0000-000000000003\",\"00000000-0000-0000-0000-000000000001\"",
            "\"ci\",\"00000000-0000-0000-0000-000000000009\"\r\n",
        ];
        assert_eq!(line, whole.join(","));
        assert!(UsageView::csv_head().starts_with("\"namespace\",\"kubernetes_name\""));
    }
}
