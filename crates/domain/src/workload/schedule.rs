//! The clock of a CronJob: when it starts Jobs, and the Job that somebody starts by hand.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// When a CronJob starts Jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Schedule {
    /// Five fields of cron, or a word such as `@daily`.
    pub cron: String,
    /// The zone that the fields are read in; UTC when unsaid.
    pub time_zone: Option<String>,
    /// It starts none now.
    pub suspended: bool,
    /// RFC 3339: when it last started one.
    pub last_run_at: Option<String>,
    /// Jobs of it that go on.
    pub running: u32,
}

// === impl Schedule ===

impl Schedule {
    /// What it does, in words.
    pub fn words(&self) -> String {
        let zone = self.time_zone.as_deref().unwrap_or("UTC");
        match (self.suspended, self.running) {
            (true, _) => "Suspended: no Job starts by itself".to_owned(),
            (false, 0) => format!("Waits for {} ({zone})", self.cron),
            (false, 1) => format!("1 Job goes on; the next starts at {} ({zone})", self.cron),
            (false, n) => format!("{n} Jobs go on; the next starts at {} ({zone})", self.cron),
        }
    }
}

/// The Job that a CronJob would start now, as `kubectl create job --from` makes it. `second` since 1970 tells it from
/// others; a name of a CronJob leaves room for it.
pub fn job_of(cron_job: &Value, second: i64) -> Value {
    let text = |pointer: &str| cron_job.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let template = &cron_job["spec"]["jobTemplate"];
    let mut annotations = template.pointer("/metadata/annotations").cloned().unwrap_or_else(|| json!({}));
    annotations["cronjob.kubernetes.io/instantiate"] = "manual".into();
    let (name, uid) = (text("/metadata/name"), text("/metadata/uid"));
    let owner = json!({"apiVersion": "batch/v1", "kind": "CronJob", "name": name, "uid": uid, "controller": true});
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": format!("{name}-{second}"),
            "labels": template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({})),
            "annotations": annotations,
            "ownerReferences": [owner],
        },
        "spec": template["spec"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_says_what_it_waits_for() {
        let mut schedule =
            Schedule { cron: "0 3 * * *".into(), time_zone: None, suspended: false, last_run_at: None, running: 0 };
        assert_eq!(schedule.words(), "Waits for 0 3 * * * (UTC)");
        schedule.running = 1;
        assert!(schedule.words().starts_with("1 Job goes on"));
        schedule.suspended = true;
        assert!(schedule.words().starts_with("Suspended"));
    }

    #[test]
    fn a_job_by_hand_has_the_template_the_owner_and_a_name_of_its_own() {
        let spec = json!({"template": {"spec": {"restartPolicy": "Never"}}});
        let cron_job = json!({
            "metadata": {"name": "night", "uid": "u"},
            "spec": {"jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": spec}},
        });
        let job = job_of(&cron_job, 1_800_000_000);
        assert_eq!(job["metadata"]["name"], "night-1800000000");
        assert_eq!((&job["spec"], &job["metadata"]["labels"]["a"]), (&spec, &json!("b")));
        assert_eq!(job["metadata"]["ownerReferences"][0]["uid"], "u");
        assert_eq!(job["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"], "manual");
    }
}
