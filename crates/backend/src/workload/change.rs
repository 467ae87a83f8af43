//! Changes of workloads that run: scale, image, restart, roll back, edit. Each with the person's own rights, each in
//! the audit log; what admission refuses stands there too.

use domain::admission::{Orderer, order, ordered};
use domain::audit::Action;
use domain::manifest::Manifest;
use domain::namespace::Namespace;
use domain::permission::Permission;
use domain::version::{stale, unchanged};
use domain::workload::{
    Revision, WorkloadAction, WorkloadChange, WorkloadDetail, WorkloadKind, WorkloadPatch, WorkloadView, job_of,
    restart_patch, rollback_patch,
};
use domain::{Code, Error, Result};
use secrecy::SecretString;
use serde_json::Value;

use super::{possible, target};
use crate::{Backend, Caller, Grant};

// Tries of an edit: a rollout writes a status some times a second, and a try takes milliseconds.
const ATTEMPTS: u32 = 5;

/// A workload that the caller may change.
struct Subject {
    tenant: Grant<Namespace>,
    token: SecretString,
    kind: WorkloadKind,
    name: String,
}

impl Backend {
    /// Changes how many pods are wanted, the image or the environment. `saw` is what the person saw.
    ///
    /// # Errors
    /// [`Error::Invalid`]; `conflict` for a kind that cannot be changed so and when somebody was faster;
    /// `admission_denied`; [`Error::NotFound`].
    pub async fn change_workload(
        &self,
        caller: &Caller,
        id: &str,
        (kind, name): (WorkloadKind, &str),
        change: &WorkloadChange,
        saw: Option<&WorkloadDetail>,
    ) -> Result<()> {
        let subject = self.subject(caller, id, kind, name).await?;
        change.check(kind)?;
        for _ in 0..ATTEMPTS {
            let object = self.object(&subject).await?;
            let first = object.pointer("/spec/template/spec/containers/0/name").and_then(Value::as_str);
            let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str).filter(|_| saw.is_some());
            if let Some(saw) = saw {
                // Read after the object: if that is still the newest when the patch comes, this is what it changes.
                unchanged(Some(&saw.workload), &self.present(&subject).await?)?;
            }
            let patch = change.patch(first.unwrap_or_default(), version);
            match self.patch(caller, &subject, patch, Action::WorkloadChanged, &change.words()).await {
                // A controller may have written the status only: then the next try finds what was seen.
                Err(error) if version.is_some() && error.code() == Code::Conflict => {}
                done => return done,
            }
        }
        Err(stale())
    }

    /// Replaces every pod by a new one, as `kubectl rollout restart` does.
    ///
    /// # Errors
    /// As [`Self::change_workload`].
    pub async fn restart_workload(&self, caller: &Caller, id: &str, kind: WorkloadKind, name: &str) -> Result<()> {
        let subject = self.subject(caller, id, kind, name).await?;
        WorkloadAction::Restart.require(kind)?;
        let patch = restart_patch(self.inner.clock.now());
        self.patch(caller, &subject, patch, Action::WorkloadRestarted, "").await
    }

    /// Starts a Job of a CronJob at once; gives the Job.
    ///
    /// # Errors
    /// `conflict` for another kind; as [`Self::change_workload`].
    pub async fn run_workload(
        &self,
        caller: &Caller,
        id: &str,
        kind: WorkloadKind,
        name: &str,
    ) -> Result<WorkloadView> {
        let subject = self.subject(caller, id, kind, name).await?;
        WorkloadAction::RunNow.require(kind)?;
        let mut job = job_of(&self.object(&subject).await?, self.inner.clock.now().as_second());
        order(WorkloadKind::Job.word(), &mut job, Some(&orderer(caller).to_string()));
        let made = job["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let (cluster, namespace) = (&self.inner.cluster, &subject.tenant.kubernetes_name);
        let kind = WorkloadKind::Job;
        if let Err(error) = cluster.create_workload(&subject.token, namespace, &job).await {
            return Err(self.denied(caller, &subject.tenant, kind, &made, "run now", error).await);
        }
        let event =
            self.audit(caller, Action::WorkloadCreated, target(&subject.tenant, kind, &made), format!("of {name}"));
        self.inner.store.record(&event.named(made.as_str())).await?;
        let state = cluster.get_workload(&subject.token, namespace, kind, &made).await?.ok_or(Error::NotFound)?;
        Ok(self.viewer(subject.tenant.account_id).draw(&state))
    }

    /// The earlier templates of a workload, newest first.
    ///
    /// # Errors
    /// `conflict` for a kind of which Kubernetes keeps none; [`Error::NotFound`].
    pub async fn workload_revisions(
        &self,
        caller: &Caller,
        id: &str,
        kind: WorkloadKind,
        name: &str,
    ) -> Result<Vec<Revision>> {
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        possible(name)?;
        WorkloadAction::RollBack.require(kind)?;
        let found = self.inner.cluster.deployment_revisions(&token, &tenant.kubernetes_name, name).await?;
        Ok(found.into_iter().map(|(revision, _)| revision).collect())
    }

    /// Goes back to an earlier template.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a revision that the cluster no longer has; as [`Self::change_workload`].
    pub async fn roll_back_workload(
        &self,
        caller: &Caller,
        id: &str,
        (kind, name): (WorkloadKind, &str),
        revision: u64,
    ) -> Result<()> {
        let subject = self.subject(caller, id, kind, name).await?;
        WorkloadAction::RollBack.require(kind)?;
        let (tenant, token) = (&subject.tenant.kubernetes_name, &subject.token);
        let found = self.inner.cluster.deployment_revisions(token, tenant, name).await?;
        let template = found.into_iter().find(|(one, _)| one.revision == revision).map(|(_, template)| template);
        let unknown = || Error::field("revision", "unknown", "This revision is no longer kept: choose one of the list");
        let patch = rollback_patch(&template.ok_or_else(unknown)?);
        let detail = format!("revision {revision}");
        self.patch(caller, &subject, patch, Action::WorkloadRolledBack, &detail).await
    }

    /// The object behind a workload, to read and to edit.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn workload_manifest(
        &self,
        caller: &Caller,
        id: &str,
        kind: WorkloadKind,
        name: &str,
    ) -> Result<Manifest> {
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        possible(name)?;
        let found = self.inner.cluster.workload_object(&token, &tenant.kubernetes_name, kind, name).await?;
        found.map(|object| Manifest::of(&object)).ok_or(Error::NotFound)
    }

    /// Puts a person's version in place; gives what it became. A dry run changes nothing and is not recorded.
    ///
    /// # Errors
    /// `conflict` when somebody changed it since it was read; as [`Self::change_workload`].
    pub async fn edit_workload(
        &self,
        caller: &Caller,
        id: &str,
        (kind, name): (WorkloadKind, &str),
        edited: &Manifest,
        dry_run: bool,
    ) -> Result<Manifest> {
        let subject = self.subject(caller, id, kind, name).await?;
        let object = match self.replace(caller, &subject, edited, dry_run).await {
            Ok(object) => object,
            Err(error) if dry_run => return Err(error),
            Err(error) => return Err(self.denied(caller, &subject.tenant, kind, name, "edit", error).await),
        };
        if !dry_run {
            self.done(caller, &subject, Action::WorkloadEdited, "").await?;
        }
        Ok(Manifest::of(&object))
    }

    /// A controller may write the status between our reading and our writing: then the newest object is read again, and
    /// only what a person changed in it is a conflict.
    async fn replace(&self, caller: &Caller, subject: &Subject, edited: &Manifest, dry_run: bool) -> Result<Value> {
        let Subject { tenant, token, kind, .. } = subject;
        for _ in 1..ATTEMPTS {
            let next = self.edited(caller, subject, edited).await?;
            match self.inner.cluster.replace_workload(token, &tenant.kubernetes_name, *kind, &next, dry_run).await {
                Err(error) if error.code() == Code::Conflict => {}
                done => return done,
            }
        }
        let next = self.edited(caller, subject, edited).await?;
        self.inner.cluster.replace_workload(token, &tenant.kubernetes_name, *kind, &next, dry_run).await
    }

    /// The edited object over the newest. Whatever is written there, a pod stays with who ordered it, and this person
    /// orders the pods of a template that becomes another.
    async fn edited(&self, caller: &Caller, subject: &Subject, edited: &Manifest) -> Result<Value> {
        let (object, kind) = (self.object(subject).await?, subject.kind.word());
        let mut next = edited.over(&object)?;
        let person = orderer(caller).to_string();
        let by = if subject.kind == WorkloadKind::Pod { ordered(kind, &object) } else { Some(person.as_str()) };
        order(kind, &mut next, by);
        Ok(next)
    }

    async fn subject(&self, caller: &Caller, id: &str, kind: WorkloadKind, name: &str) -> Result<Subject> {
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        possible(name)?;
        Ok(Subject { tenant, token, kind, name: name.to_owned() })
    }

    async fn object(&self, subject: &Subject) -> Result<Value> {
        let Subject { tenant, token, kind, name } = subject;
        let found = self.inner.cluster.workload_object(token, &tenant.kubernetes_name, *kind, name).await?;
        found.ok_or(Error::NotFound)
    }

    /// As people see it now.
    async fn present(&self, subject: &Subject) -> Result<WorkloadView> {
        let Subject { tenant, token, kind, name } = subject;
        let state = self.inner.cluster.get_workload(token, &tenant.kubernetes_name, *kind, name).await?;
        Ok(self.viewer(tenant.account_id).draw(&state.ok_or(Error::NotFound)?))
    }

    async fn patch(
        &self,
        caller: &Caller,
        subject: &Subject,
        patch: WorkloadPatch,
        action: Action,
        detail: &str,
    ) -> Result<()> {
        let Subject { tenant, token, kind, name } = subject;
        let patch = patch.ordered_by(&orderer(caller));
        let done = self.inner.cluster.patch_workload(token, &tenant.kubernetes_name, *kind, name, &patch).await;
        match done {
            Ok(()) => self.done(caller, subject, action, detail).await,
            Err(error) => Err(self.denied(caller, tenant, *kind, name, detail, error).await),
        }
    }

    async fn done(&self, caller: &Caller, subject: &Subject, action: Action, detail: &str) -> Result<()> {
        let event = self.audit(caller, action, target(&subject.tenant, subject.kind, &subject.name), detail);
        self.inner.store.record(&event.named(subject.name.as_str())).await
    }

    /// What the console or the webhook refused to admit stands in the log, with the sentence the person read; other
    /// errors pass as they are.
    pub(crate) async fn denied(
        &self,
        caller: &Caller,
        tenant: &Namespace,
        kind: WorkloadKind,
        name: &str,
        wanted: &str,
        error: Error,
    ) -> Error {
        if error.code() != Code::AdmissionDenied {
            return error;
        }
        let event =
            self.audit(caller, Action::AdmissionDenied, target(tenant, kind, name), format!("{wanted}: {error}"));
        match self.inner.store.record(&event.named(name).refused(Code::AdmissionDenied)).await {
            Ok(()) => error,
            Err(unrecorded) => unrecorded,
        }
    }
}

/// As whom a person orders pods in the console: its token is that of a namespace, so the console says who asks.
pub(crate) fn orderer(caller: &Caller) -> Orderer {
    Orderer::Person(caller.user.id)
}
