//! `kubeconfig`: printed, written to a file, or merged into the user's own.

mod file;
mod merge;

use anyhow::{Context as _, Result, bail};
use domain::kubeconfig::KubeconfigView;
use domain::namespace::NamespaceView;

use crate::api::Console;
use crate::args::KubeconfigArgs;
use crate::commands::all_namespaces;
use crate::{output, private};

/// Fetches the kubeconfig of a namespace and puts it where it is wanted.
///
/// # Errors
/// When the namespace is unknown or not ready, or a file cannot be written.
pub async fn run(args: &KubeconfigArgs, console: &Console) -> Result<()> {
    let namespace = chosen(args.namespace.as_deref(), &all_namespaces(console).await?)?.id.clone();
    let access = if args.view { "view" } else { "edit" };
    let variant = args.variant.as_str();
    let path = format!("/v1/kubernetes/namespaces/{namespace}/kubeconfig?variant={variant}&access={access}");
    let found: KubeconfigView = console.get(&path).await?;
    if args.merge {
        return merge(args, &found);
    }
    match &args.output {
        Some(file) => {
            private::write(file, &found.kubeconfig, private::OWNER_ONLY)?;
            eprintln!("Wrote {}", file.display());
            Ok(())
        }
        None => output::text(&found.kubeconfig),
    }
}

fn merge(args: &KubeconfigArgs, found: &KubeconfigView) -> Result<()> {
    let path = file::of_user()?;
    let merged = file::change(&path, |text| merge::merge(text, &found.kubeconfig, args.make_current))?;
    let context = merged.context;
    eprintln!("Merged the context {context} into {}", path.display());
    if !merged.is_current {
        eprintln!("Use it: kubectl config use-context {context}");
    }
    Ok(())
}

/// The namespace that is meant, by any of its names; the only one if none is named.
fn chosen<'a>(said: Option<&str>, all: &'a [NamespaceView]) -> Result<&'a NamespaceView> {
    let names = || all.iter().map(|n| n.name.as_str()).collect::<Vec<_>>().join(", ");
    match (said, all) {
        (_, []) => bail!("The account has no namespace: create one in the console"),
        (None, [only]) => Ok(only),
        (None, _) => bail!("Which namespace? Name one of {}", names()),
        (Some(said), _) => {
            let mut found = all.iter().filter(|n| [&n.name, &n.kubernetes_name, &n.id].contains(&&said.to_owned()));
            found.next().with_context(|| format!("There is no namespace {said}: name one of {}", names()))
        }
    }
}
