//! The admission check: the pure verdict of `domain::admission` on what the watches know, and behind it the API server's
//! own answer to a dry run, with the person's rights.
//!
//! Source: `console-api.md` §6 (admission-check), RULINGS 36.

use domain::admission::{Asked, Place, RuleResult, Verdict};
use domain::deployment::AdmissionCheck;
use domain::namespace::Namespace;
use domain::permission::Permission;
use domain::workload::usual_start;
use domain::{Error, Result};
use secrecy::SecretString;
use serde_json::Value;

use crate::{Backend, Caller};

impl Backend {
    /// Says whether a plan would be admitted and why not; creates nothing. Who may deploy here also hears what the API
    /// server says to a dry run; others hear the rule's verdict alone.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a request of no known form, [`Error::Unavailable`] without the cluster; a "no" is a
    /// verdict, not an error.
    pub async fn check_deployment(&self, caller: &Caller, id: &str, check: AdmissionCheck) -> Result<Verdict> {
        let tenant = self.namespace(caller, id, Permission::Read).await?;
        tenant.ready()?;
        let asked = Asked::read(&readable(check)?, tenant.kubernetes_name.as_str())?;
        self.inner.cluster.ping().await?;
        let verdict = self.verdict(&tenant, &asked)?;
        if !verdict.allowed || caller.require(Permission::Deploy).is_err() {
            return Ok(verdict);
        }
        let token = self.workload_token(caller, &tenant).await?;
        self.dry_run(&tenant, &token, &asked, verdict).await
    }

    /// The verdict from what the watches know.
    pub(super) fn verdict(&self, tenant: &Namespace, asked: &Asked) -> Result<Verdict> {
        let skus = self.inner.cluster.skus()?;
        let facts = self.inner.cluster.tenant_facts(&tenant.kubernetes_name);
        let (namespace, policy, quota) = (tenant.kubernetes_name.as_str(), &facts.policy, facts.quota.as_slice());
        let engines = &self.inner.cluster.engine_kinds();
        let mut verdict = asked.judge(&Place { namespace, policy, skus: &skus, quota, engines })?;
        tenant.share.explain(&mut verdict);
        let starts = self.inner.cluster.starts(Some(&verdict.sku_code)).remove(&verdict.sku_code);
        let usual = starts.and_then(usual_start);
        verdict.expected_wait_seconds = asked.expected_wait(&verdict, usual);
        Ok(verdict)
    }

    /// Asks the API server about the object and about one pod of it: schema, names, policies, Pod Security, quota and
    /// everything else that the cluster decides by.
    pub(super) async fn dry_run(
        &self,
        tenant: &Namespace,
        token: &SecretString,
        asked: &Asked,
        mut verdict: Verdict,
    ) -> Result<Verdict> {
        let mut objects = vec![(asked.manifest.clone(), asked.new)];
        if asked.kind != "Pod" {
            objects.push((asked.pod(), true));
        }
        for (object, new) in &objects {
            match self.inner.cluster.dry_run(token, &tenant.kubernetes_name, object, *new).await {
                Ok(warnings) => {
                    for warning in warnings {
                        if !verdict.warnings.contains(&warning) {
                            verdict.warnings.push(warning);
                        }
                    }
                }
                Err(error) => {
                    verdict.rules.push(refused(error)?);
                    (verdict.allowed, verdict.expected_wait_seconds) = (false, None);
                    return Ok(verdict);
                }
            }
        }
        verdict.rules.push(RuleResult { code: DRY_RUN.to_owned(), ok: true, message: String::new() });
        Ok(verdict)
    }
}

const DRY_RUN: &str = "dry_run";

/// The API server's "no" is a rule like the others; what it could not decide is none.
fn refused(error: Error) -> Result<RuleResult> {
    match &error {
        Error::Conflict { .. } | Error::Invalid(_) | Error::Forbidden { .. } => {
            Ok(RuleResult { code: DRY_RUN.to_owned(), ok: false, message: error.to_string() })
        }
        _ => Err(error),
    }
}

/// A manifest may be sent as text, YAML or JSON: then it is read here.
pub(super) fn readable(mut check: AdmissionCheck) -> Result<AdmissionCheck> {
    let Some(Value::String(text)) = &check.manifest else { return Ok(check) };
    let wrong = |message: String| Error::field("manifest", "yaml", message);
    // Without the excerpt that the parser would print: a manifest may hold secrets.
    let options = serde_saphyr::options! { with_snippet: false };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| wrong(format!("The manifest is not YAML: {error}")))?;
    let mut documents: Vec<Value> = documents.into_iter().filter(|document| !document.is_null()).collect();
    if documents.len() != 1 {
        return Err(wrong(format!("Give one object at a time; there are {}", documents.len())));
    }
    check.manifest = documents.pop();
    Ok(check)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Option<Value>> {
        readable(AdmissionCheck { manifest: Some(json!(text)), ..Default::default() }).map(|check| check.manifest)
    }

    #[test]
    fn a_manifest_is_read_from_yaml_and_from_json() {
        let pod = json!({"kind": "Pod", "spec": {"containers": [{"name": "a", "args": ["1"]}]}});
        let yaml = "# one\nkind: Pod\nspec:\n  containers:\n  - name: a\n    args: [\"1\"]\n";
        for text in [yaml, &format!("---\n{yaml}---\n"), &pod.to_string()] {
            assert_eq!(read(text).unwrap(), Some(pod.clone()), "{text}");
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused_without_an_excerpt() {
        for text in ["", "kind: [", "kind: Pod\n---\nkind: Pod\n", "a: hunter2\na: hunter2\n"] {
            let error = read(text).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
