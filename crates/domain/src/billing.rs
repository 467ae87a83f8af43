//! The invoice of a month as the tenant API answers it: each row in JSON and in CSV, from the same whole cents.
//!
//! Source: `tenant-api.md` §5. Rows are written one by one: a month may have a million of them.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::usage::{Month, UsageRecord};
use crate::{Error, Result, csv};

/// First line of the CSV file.
pub const CSV_HEAD: &str = "cluster,online,local_reference_name,local_reference_namespace,remote_reference_name,\
     remote_reference_namespace,cost,online_hour,runtime_class,active\r\n";

const MICROS_A_CENT: i64 = 10_000;
const SECONDS_AN_HOUR: i64 = 3600;

/// One pod in one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BilledPod {
    /// `skg…`, also of a tenant that is gone; one text for all of its pods.
    pub cluster: Arc<str>,
    /// It runs now.
    pub online: bool,
    /// Here: the pod's uid and the namespace in the cluster.
    pub local: (String, String),
    /// In the customer's cluster: the pod's name and namespace.
    pub remote: (String, String),
    /// Whole cents of the account's currency.
    pub cents: i64,
    /// Hundredths of an hour.
    pub hundredths: i64,
    /// The runtime class that stands for its SKU; the SKU's code where none does.
    pub runtime_class: String,
}

/// Reads the month of the path: four digits of a year, and 1 to 12 or 01 to 12.
///
/// # Errors
/// [`Error::Invalid`] for anything else, and years outside 2020 to 2100.
pub fn month(year: &str, month: &str) -> Result<Month> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if year.len() != 4 || !(1..=2).contains(&month.len()) || !digits(year) || !digits(month) {
        return Err(no_month());
    }
    let year = year.parse::<i16>().map_err(|_| no_month())?;
    let month = month.parse::<i8>().map_err(|_| no_month())?;
    Month::new(year, month).map_err(|_| no_month())
}

fn no_month() -> Error {
    Error::field("month", "format", "Give a year from 2020 to 2100 and a month from 1 to 12")
}

/// What stands before the first row of the JSON document.
pub fn json_head(month: Month) -> String {
    format!("{{\"month\":{},\"year\":{},\"pods\":[", month.month(), month.year())
}

/// What stands after the last.
pub const JSON_TAIL: &str = "]}";

impl BilledPod {
    /// A record as a row; costs and hours of what still runs are those at `now`.
    pub fn of(record: UsageRecord, cluster: Arc<str>, now: Timestamp) -> Self {
        let (seconds, micros) = record.charged(now);
        Self {
            cluster,
            online: record.online(),
            local: (record.pod_uid, record.kubernetes_name),
            remote: (record.origin_pod, record.origin_namespace),
            cents: rounded(micros, MICROS_A_CENT),
            hundredths: rounded(seconds.saturating_mul(100), SECONDS_AN_HOUR),
            runtime_class: if record.runtime_class.is_empty() { record.sku_code } else { record.runtime_class },
        }
    }

    /// Writes the row of the JSON document. Numbers are written by hand: a float would lose cents or show more of them.
    pub fn write_json(&self, out: &mut String) {
        named(out, "{\"pod\":{\"cluster\":", &self.cluster);
        out.push_str(if self.online { ",\"online\":true" } else { ",\"online\":false" });
        named(out, ",\"local_reference_name\":", &self.local.0);
        named(out, ",\"local_reference_namespace\":", &self.local.1);
        named(out, ",\"remote_reference_name\":", &self.remote.0);
        named(out, ",\"remote_reference_namespace\":", &self.remote.1);
        out.push_str("},\"cost\":");
        self.write_cost(out);
        out.push_str(",\"online_hour\":");
        self.write_hours(out);
        named(out, ",\"runtime_class\":", &self.runtime_class);
        out.push_str(",\"active\":true}");
    }

    /// Writes the line of the CSV file with its end.
    pub fn write_csv(&self, out: &mut String) {
        let online = if self.online { "true" } else { "false" };
        let (local, remote) = (&self.local, &self.remote);
        let texts: [&str; 6] = [&self.cluster, online, &local.0, &local.1, &remote.0, &remote.1];
        for text in texts {
            csv::bare(out, text);
            out.push(',');
        }
        self.write_cost(out);
        out.push(',');
        self.write_hours(out);
        out.push(',');
        csv::bare(out, &self.runtime_class);
        out.push_str(",true\r\n");
    }

    fn write_cost(&self, out: &mut String) {
        let _ = write!(out, "{}.{:02}", self.cents / 100, self.cents % 100);
    }

    /// At most two decimals, whole hours without a fraction.
    fn write_hours(&self, out: &mut String) {
        let (whole, part) = (self.hundredths / 100, self.hundredths % 100);
        let _ = match part {
            0 => write!(out, "{whole}"),
            part if part % 10 == 0 => write!(out, "{whole}.{}", part / 10),
            part => write!(out, "{whole}.{part:02}"),
        };
    }
}

/// A text of JSON behind its name; most need no escape, and whether one does is seen sooner than it is escaped.
fn named(out: &mut String, name: &str, text: &str) {
    out.push_str(name);
    if text.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
        out.push_str(&Value::from(text).to_string());
    } else {
        out.push('"');
        out.push_str(text);
        out.push('"');
    }
}

/// The nearest multiple, half up; neither is below zero.
fn rounded(amount: i64, unit: i64) -> i64 {
    amount.saturating_add(unit / 2) / unit
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;
    use crate::id::{AccountId, NamespaceId, UsageId, UserId};
    use crate::money::{Currency, Money};

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    fn json(pod: &BilledPod) -> String {
        written(|out| pod.write_json(out))
    }

    fn line(pod: &BilledPod) -> String {
        written(|out| pod.write_csv(out))
    }

    fn pod() -> BilledPod {
        BilledPod {
            cluster: "skg00018".into(),
            online: false,
            local: ("69d416b2-1c02-4910-9fcb-ae0d0da408f0".into(), "skg00018-gpu".into()),
            remote: ("inference-service-5cfb7489f4-2d4xj".into(), "remote-gpu".into()),
            cents: 28_188,
            hundredths: 34_800,
            runtime_class: "seeweb-nvidia-1xa6000".into(),
        }
    }

    #[test]
    fn the_published_row_is_written_as_published() {
        assert_eq!(
            json(&pod()),
            r#"{"pod":{"cluster":"skg00018","online":false,"local_reference_name":"69d416b2-1c02-4910-9fcb-ae0d0da408f0","local_reference_namespace":"skg00018-gpu","remote_reference_name":"inference-service-5cfb7489f4-2d4xj","remote_reference_namespace":"remote-gpu"},"cost":281.88,"online_hour":348,"runtime_class":"seeweb-nvidia-1xa6000","active":true}"#
        );
        assert_eq!(
            line(&pod()),
            "skg00018,false,69d416b2-1c02-4910-9fcb-ae0d0da408f0,skg00018-gpu,inference-service-5cfb7489f4-2d4xj,remote-gpu,281.88,348,seeweb-nvidia-1xa6000,true\r\n"
        );
        assert_eq!(CSV_HEAD.matches(',').count(), line(&pod()).matches(',').count());
        assert_eq!(json_head(month("2024", "11").unwrap()), r#"{"month":11,"year":2024,"pods":["#);
    }

    #[test]
    fn cents_and_hours_keep_their_form() {
        for (cents, hundredths, cost, hours) in [
            (0, 0, "0.00", "0"),
            (5, 1, "0.05", "0.01"),
            (100, 150, "1.00", "1.5"),
            (12_345, 34_805, "123.45", "348.05"),
        ] {
            let row = BilledPod { cents, hundredths, ..pod() };
            assert_eq!(written(|out| row.write_cost(out)), cost);
            assert_eq!(written(|out| row.write_hours(out)), hours);
        }
        assert_eq!((rounded(14_999, 10_000), rounded(15_000, 10_000)), (1, 2));
    }

    #[test]
    fn a_name_with_a_comma_a_quote_or_a_formula_stays_one_cell() {
        let odd = BilledPod { remote: ("a,\"b\"".into(), "=1+1".into()), ..pod() };
        assert!(line(&odd).contains(",\"a,\"\"b\"\"\",'=1+1,"), "{}", line(&odd));
        let read: Value = serde_json::from_str(&json(&odd)).unwrap();
        assert_eq!(read["pod"]["remote_reference_name"], "a,\"b\"");
    }

    #[test]
    fn every_text_is_the_json_that_serde_writes() {
        for text in ["", "plain-1", "Zoë €", "\"", "\\", "\n", "\u{0}", "\u{1f}", "\u{7f}", "\u{2028}", "a/b"] {
            assert_eq!(written(|out| named(out, "", text)), Value::from(text).to_string(), "{text:?}");
        }
    }

    #[test]
    fn both_forms_add_up_to_the_same() {
        let cents = [0, 1, 10, 99, 100, 28_188, 1_234_567];
        let (mut as_json, mut as_csv) = (0, 0);
        for row in cents.map(|cents| BilledPod { cents, ..pod() }) {
            let read: Value = serde_json::from_str(&json(&row)).unwrap();
            as_json += (read["cost"].as_f64().unwrap() * 100.0).round() as i64;
            as_csv += line(&row).split(',').nth(6).unwrap().replace('.', "").parse::<i64>().unwrap();
        }
        let all: i64 = cents.iter().sum();
        assert_eq!((as_json, as_csv), (all, all));
    }

    #[test]
    fn the_published_record_is_the_published_row() {
        let start: Timestamp = "2024-11-01T00:00:00Z".parse().unwrap();
        let record = UsageRecord {
            id: UsageId::new(Uuid::from_u128(1)),
            account_id: AccountId::new(Uuid::from_u128(2)),
            namespace_id: NamespaceId::new(Uuid::from_u128(3)),
            namespace: "skg00018".into(),
            kubernetes_name: "skg00018-gpu".into(),
            member_id: UserId::new(Uuid::from_u128(4)),
            member: "ada@example.com".into(),
            key: None,
            pod_uid: pod().local.0,
            pod: "here".into(),
            origin_pod: pod().remote.0,
            origin_namespace: pod().remote.1,
            sku_code: "gpu-a6000-1x".into(),
            engine: "local".into(),
            runtime_class: "seeweb-nvidia-1xa6000".into(),
            price: Money { micros: 810_000, currency: Currency::new("EUR").unwrap() },
            started_at: start,
            ended_at: Some(start + SignedDuration::from_hours(348)),
        };
        assert_eq!(BilledPod::of(record.clone(), "skg00018".into(), start), pod());
        let open = UsageRecord { ended_at: None, runtime_class: String::new(), ..record };
        let row = BilledPod::of(open, "skg00018".into(), start + SignedDuration::from_mins(90));
        assert_eq!(
            (row.online, row.hundredths, row.cents, row.runtime_class.as_str()),
            (true, 150, 122, "gpu-a6000-1x")
        );
    }

    #[test]
    fn months_are_one_or_two_digits_of_a_year_of_four() {
        assert_eq!(month("2024", "1").unwrap(), month("2024", "01").unwrap());
        for (year, of) in [
            ("2024", "0"),
            ("2024", "13"),
            ("24", "11"),
            ("2024", "001"),
            ("2019", "1"),
            ("2101", "1"),
            ("2024", "x"),
            ("2024", "+1"),
        ] {
            assert!(month(year, of).is_err(), "{year}/{of}");
        }
    }
}
