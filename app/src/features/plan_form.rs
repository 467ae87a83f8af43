//! The deploy form as typed, and how it becomes a plan: the same rule in the browser and on the server.

use domain::deployment::{DeploymentPlan, EnvVar, PlanKind};
use domain::{Error, FieldError, Result};
use serde::{Deserialize, Serialize};

use crate::features::plan_lines;

/// Everything is text, as an HTML form sends it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanForm {
    /// `deployment`, `job` or `pod`.
    pub kind: String,
    /// Name of the deployment.
    pub name: String,
    /// SKU code.
    pub sku_code: String,
    /// Image reference.
    pub image: String,
    /// A number.
    pub replicas: String,
    /// One word a line.
    pub command: String,
    /// One argument a line.
    pub args: String,
    /// `NAME=value`, one a line.
    pub env: String,
    /// `NAME=secret/name/key` or `configmap/name`, one a line.
    pub env_from: String,
    /// Numbers parted by blanks or commas.
    pub ports: String,
    /// `key=value`, one a line.
    pub labels: String,
    /// A name; empty = the image is public.
    pub pull_secret: String,
    /// `/path=emptydir`, one a line.
    pub mounts: String,
}

// === impl PlanForm ===

impl PlanForm {
    /// Reads and checks the form.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field at once.
    pub fn plan(&self) -> Result<DeploymentPlan> {
        let (plan, mut wrong) = self.draft();
        if let Err(Error::Invalid(errors)) = plan.check() {
            wrong.extend(errors);
        }
        if wrong.is_empty() { Ok(plan) } else { Err(Error::Invalid(wrong)) }
    }

    /// The plan as far as it can be read: for the preview while somebody types.
    pub fn draft(&self) -> (DeploymentPlan, Vec<FieldError>) {
        let mut wrong = Vec::new();
        let kind = self.kind();
        let plan = DeploymentPlan {
            kind,
            name: self.name.trim().to_owned(),
            sku_code: self.sku_code.trim().to_owned(),
            image: self.image.trim().to_owned(),
            // The field is not shown for one pod.
            replicas: if kind == PlanKind::Pod { 1 } else { self.read_replicas(&mut wrong) },
            command: lines(&self.command),
            args: lines(&self.args),
            env: self.read_env(&mut wrong),
            env_from: plan_lines::references(&self.env_from, &mut wrong),
            ports: self.read_ports(&mut wrong),
            labels: plan_lines::labels(&self.labels, &mut wrong),
            pull_secrets: lines(&self.pull_secret),
            mounts: plan_lines::mounts(&self.mounts, &mut wrong),
        };
        (plan, wrong)
    }

    /// What it becomes; a Deployment unless it says otherwise.
    pub fn kind(&self) -> PlanKind {
        PlanKind::parse(&self.kind).unwrap_or_default()
    }

    /// Whether enough is filled in to ask the server.
    pub fn is_filled(&self) -> bool {
        !self.name.trim().is_empty() && !self.image.trim().is_empty() && !self.sku_code.is_empty()
    }

    fn read_replicas(&self, wrong: &mut Vec<FieldError>) -> u32 {
        self.replicas.trim().parse().unwrap_or_else(|_| {
            wrong.push(FieldError::new("replicas", "format", "Replicas must be between 0 and 100"));
            1
        })
    }

    fn read_env(&self, wrong: &mut Vec<FieldError>) -> Vec<EnvVar> {
        let mut read = |line: &str| match line.split_once('=') {
            Some((name, value)) => Some(EnvVar { name: name.trim().to_owned(), value: value.to_owned() }),
            None => {
                wrong.push(FieldError::new("env", "format", "Write NAME=value, one a line"));
                None
            }
        };
        self.env.lines().filter(|line| !line.trim().is_empty()).filter_map(&mut read).collect()
    }

    fn read_ports(&self, wrong: &mut Vec<FieldError>) -> Vec<u16> {
        let mut read = |text: &str| match text.parse() {
            Ok(port) => Some(port),
            Err(_) => {
                wrong.push(FieldError::new("ports", "format", "A port lies between 1 and 65535"));
                None
            }
        };
        self.ports.split([' ', ',', '\n', '\r', '\t']).filter(|text| !text.is_empty()).filter_map(&mut read).collect()
    }
}

/// Lines without their line ends (browsers send CRLF); empty ones are left out.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> PlanForm {
        PlanForm {
            name: "demo".into(),
            sku_code: "cpu-shared-8g".into(),
            image: "nginx:1.27-alpine".into(),
            replicas: "2".into(),
            ..PlanForm::default()
        }
    }

    #[test]
    fn each_text_becomes_its_part_of_the_plan() {
        let form = PlanForm {
            command: "sh\r\n-c\r\n".into(),
            args: "while true; do date; done".into(),
            env: "A=1\nB=x=y\n\n".into(),
            ports: "80, 443 8080".into(),
            env_from: "secret/database".into(),
            pull_secret: "registry".into(),
            mounts: "/data=emptydir".into(),
            ..form()
        };
        let plan = form.plan().unwrap();
        assert_eq!((plan.replicas, plan.ports), (2, vec![80, 443, 8080]));
        assert_eq!((plan.env_from.len(), plan.mounts.len(), plan.pull_secrets), (1, 1, vec!["registry".to_owned()]));
        assert_eq!(plan.command, ["sh", "-c"]);
        assert_eq!(plan.args, ["while true; do date; done"]);
        assert_eq!(plan.env.iter().map(|v| v.value.as_str()).collect::<Vec<_>>(), ["1", "x=y"]);
    }

    #[test]
    fn one_pod_needs_no_number() {
        let plan = PlanForm { kind: "pod".into(), replicas: String::new(), ..form() }.plan().unwrap();
        assert_eq!((plan.kind, plan.replicas), (PlanKind::Pod, 1));
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let form = PlanForm {
            name: "Demo".into(),
            replicas: "many".into(),
            env: "oops".into(),
            ports: "99999".into(),
            ..form()
        };
        let Err(Error::Invalid(errors)) = form.plan() else { panic!("must be refused") };
        let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, ["replicas", "env", "ports", "name"]);
    }
}
