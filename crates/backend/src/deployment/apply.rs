//! A manifest that a person pasted: judged by the same rule as a plan, applied as `kubectl apply --server-side` would.

use domain::admission::{Asked, order, ordered};
use domain::audit::Action;
use domain::deployment::AdmissionCheck;
use domain::permission::Permission;
use domain::workload::WorkloadKind;
use domain::{Error, Result};
use serde_json::Value;

use super::KIND;
use super::check::readable;
use crate::workload::{orderer, possible, target};
use crate::{Backend, Caller};

impl Backend {
    /// Makes the workload of a manifest (YAML or JSON), or changes the one of that name; gives its kind and name. Fields
    /// that another tool manages are left to it unless they are to be taken over, as `kubectl apply --server-side` does.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no manifest of a workload; [`Error::Denied`] with the verdict; `conflict`; as
    /// [`Self::create_workload`].
    pub async fn apply_manifest(
        &self,
        caller: &Caller,
        id: &str,
        text: &str,
        take_over: bool,
    ) -> Result<(WorkloadKind, String)> {
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        let check = AdmissionCheck { manifest: Some(Value::String(text.to_owned())), ..Default::default() };
        let mut asked = Asked::read(&readable(check)?, tenant.kubernetes_name.as_str())?;
        let kind = WorkloadKind::ALL.into_iter().find(|kind| kind.word() == asked.kind).ok_or(Error::NotFound)?;
        let name = name(&asked.manifest)?;
        let (cluster, namespace) = (&self.inner.cluster, &tenant.kubernetes_name);
        let there = cluster.workload_object(&token, namespace, kind, &name).await?;
        // What is there stays with who ordered it: a server-side apply owns what it says, and another name than that which
        // stands there would be a conflict.
        let person = orderer(caller).to_string();
        let by = there.as_ref().map_or(Some(person.as_str()), |object| ordered(kind.word(), object));
        order(kind.word(), &mut asked.manifest, by);
        let mut verdict = self.verdict(&tenant, &asked)?;
        if verdict.allowed {
            // What the API server says to a schema that it cannot merge is a sentence only in a dry run.
            verdict = self.dry_run(&tenant, &token, &asked, verdict).await?;
        }
        let applied = if verdict.allowed {
            cluster.apply_workload(&token, namespace, kind, &asked.manifest, take_over).await
        } else {
            Err(Error::Denied(Box::new(verdict)))
        };
        if let Err(error) = applied {
            return Err(self.denied(caller, &tenant, kind, &name, "manifest", error).await);
        }
        let action = match (there.is_some(), kind) {
            (true, _) => Action::WorkloadEdited,
            (false, KIND) => Action::DeploymentCreated,
            (false, _) => Action::WorkloadCreated,
        };
        let event = self.audit(caller, action, target(&tenant, kind, &name), "manifest");
        self.inner.store.record(&event.named(name.as_str())).await?;
        Ok((kind, name))
    }
}

/// The name that an object is applied under; one that Kubernetes makes up can be applied only once.
fn name(manifest: &Value) -> Result<String> {
    let name = manifest.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    match possible(name) {
        Ok(()) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(Error::field(
            "manifest.metadata.name",
            "format",
            "Give the object a name that it can have in a cluster",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_manifest_needs_a_name_of_its_own() {
        assert_eq!(name(&json!({"metadata": {"name": "demo"}})).unwrap(), "demo");
        for metadata in [json!({}), json!({"generateName": "demo-"}), json!({"name": "../demo"}), json!({"name": ""})] {
            assert!(name(&json!({"metadata": metadata})).is_err(), "{metadata}");
        }
    }
}
