//! The invoice of a month as the tenant API answers it: each row in JSON and in CSV, from the same whole cents.
//!
//! Source: `tenant-api.md` §5. Rows are written one by one: a month may have a million of them.

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
    /// `skg…`, also of a tenant that is gone.
    pub cluster: String,
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
    pub fn of(record: &UsageRecord, cluster: String, now: Timestamp) -> Self {
        let class = if record.runtime_class.is_empty() { &record.sku_code } else { &record.runtime_class };
        Self {
            cluster,
            online: record.online(),
            local: (record.pod_uid.clone(), record.kubernetes_name.clone()),
            remote: (record.origin_pod.clone(), record.origin_namespace.clone()),
            cents: rounded(record.cost(now).micros, MICROS_A_CENT),
            hundredths: rounded(record.seconds(now).saturating_mul(100), SECONDS_AN_HOUR),
            runtime_class: class.clone(),
        }
    }

    /// The row of the JSON document. Numbers are written by hand: a float would lose cents or show more of them.
    pub fn json(&self) -> String {
        let text = |value: &str| Value::from(value).to_string();
        format!(
            "{{\"pod\":{{\"cluster\":{},\"online\":{},\"local_reference_name\":{},\"local_reference_namespace\":{},\
             \"remote_reference_name\":{},\"remote_reference_namespace\":{}}},\"cost\":{},\"online_hour\":{},\
             \"runtime_class\":{},\"active\":true}}",
            text(&self.cluster),
            self.online,
            text(&self.local.0),
            text(&self.local.1),
            text(&self.remote.0),
            text(&self.remote.1),
            self.cost(),
            self.hours(),
            text(&self.runtime_class),
        )
    }

    /// The line of the CSV file with its end.
    pub fn csv(&self) -> String {
        let (cost, hours) = (self.cost(), self.hours());
        let cells: [&str; 10] = [
            &self.cluster,
            if self.online { "true" } else { "false" },
            &self.local.0,
            &self.local.1,
            &self.remote.0,
            &self.remote.1,
            &cost,
            &hours,
            &self.runtime_class,
            "true",
        ];
        format!("{}\r\n", cells.map(csv::bare).join(","))
    }

    fn cost(&self) -> String {
        format!("{}.{:02}", self.cents / 100, self.cents % 100)
    }

    /// At most two decimals, whole hours without a fraction.
    fn hours(&self) -> String {
        let (whole, part) = (self.hundredths / 100, self.hundredths % 100);
        match part {
            0 => whole.to_string(),
            part if part % 10 == 0 => format!("{whole}.{}", part / 10),
            part => format!("{whole}.{part:02}"),
        }
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
            pod().json(),
            r#"{"pod":{"cluster":"skg00018","online":false,"local_reference_name":"69d416b2-1c02-4910-9fcb-ae0d0da408f0","local_reference_namespace":"skg00018-gpu","remote_reference_name":"inference-service-5cfb7489f4-2d4xj","remote_reference_namespace":"remote-gpu"},"cost":281.88,"online_hour":348,"runtime_class":"seeweb-nvidia-1xa6000","active":true}"#
        );
        assert_eq!(
            pod().csv(),
            "skg00018,false,69d416b2-1c02-4910-9fcb-ae0d0da408f0,skg00018-gpu,inference-service-5cfb7489f4-2d4xj,remote-gpu,281.88,348,seeweb-nvidia-1xa6000,true\r\n"
        );
        assert_eq!(CSV_HEAD.matches(',').count(), pod().csv().matches(',').count());
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
            assert_eq!((row.cost().as_str(), row.hours().as_str()), (cost, hours));
        }
        assert_eq!((rounded(14_999, 10_000), rounded(15_000, 10_000)), (1, 2));
    }

    #[test]
    fn a_name_with_a_comma_a_quote_or_a_formula_stays_one_cell() {
        let odd = BilledPod { remote: ("a,\"b\"".into(), "=1+1".into()), ..pod() };
        assert!(odd.csv().contains(",\"a,\"\"b\"\"\",'=1+1,"), "{}", odd.csv());
        let read: Value = serde_json::from_str(&odd.json()).unwrap();
        assert_eq!(read["pod"]["remote_reference_name"], "a,\"b\"");
    }

    #[test]
    fn both_forms_add_up_to_the_same() {
        let cents = [0, 1, 10, 99, 100, 28_188, 1_234_567];
        let (mut json, mut csv) = (0, 0);
        for row in cents.map(|cents| BilledPod { cents, ..pod() }) {
            let read: Value = serde_json::from_str(&row.json()).unwrap();
            json += (read["cost"].as_f64().unwrap() * 100.0).round() as i64;
            csv += row.csv().split(',').nth(6).unwrap().replace('.', "").parse::<i64>().unwrap();
        }
        let all: i64 = cents.iter().sum();
        assert_eq!((json, csv), (all, all));
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
        assert_eq!(BilledPod::of(&record, "skg00018".into(), start), pod());
        let open = UsageRecord { ended_at: None, runtime_class: String::new(), ..record };
        let row = BilledPod::of(&open, "skg00018".into(), start + SignedDuration::from_mins(90));
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
