//! The two example manifests of the published page, with the namespace filled in, and commands to paste.

use crate::features::yaml::to_yaml;
use domain::deployment::DeploymentPlan;

/// What `YOUR_NAMESPACE` of the published page becomes.
fn example(name: &str, sku_code: &str, kubernetes_name: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {kubernetes_name}
spec:
  replicas: 1
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
        remotegpu.ai/sku-code: {sku_code}
    spec:
      containers:
        - name: app
          image: nginx:1.27-alpine
"
    )
}

/// The minimal CPU example.
pub fn cpu_example(kubernetes_name: &str) -> String {
    example("demo-cpu", "cpu-shared-8g", kubernetes_name)
}

/// The GPU example.
pub fn gpu_example(kubernetes_name: &str) -> String {
    example("demo-gpu-full", "gpu-h100-1x", kubernetes_name)
}

/// A plan as YAML.
pub fn plan_yaml(plan: &DeploymentPlan, kubernetes_name: &str) -> String {
    to_yaml(&plan.manifest(kubernetes_name))
}

/// The shell command that does what the console would do.
pub fn kubectl_apply(yaml: &str) -> String {
    // A quoted end mark: the shell expands nothing in between.
    format!("kubectl apply -f - <<'REMOTEGPU_YAML'\n{yaml}REMOTEGPU_YAML\n")
}

/// File name of a downloaded kubeconfig.
pub fn kubeconfig_file(namespace: &str) -> String {
    format!("kubeconfig-{namespace}.yaml")
}

/// The two lines of a first try.
pub fn first_try(namespace: &str, key: Option<&str>) -> String {
    let key = key.unwrap_or("rgpu_your_key");
    format!("export REMOTEGPU_API_KEY={key}\nkubectl --kubeconfig ./{} get pods\n", kubeconfig_file(namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_are_the_published_ones_with_the_namespace_filled_in() {
        insta::assert_snapshot!(gpu_example("team-ml-456789ab"), @r"
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: demo-gpu-full
          namespace: team-ml-456789ab
        spec:
          replicas: 1
          selector:
            matchLabels:
              app: demo-gpu-full
          template:
            metadata:
              labels:
                app: demo-gpu-full
                remotegpu.ai/sku-code: gpu-h100-1x
            spec:
              containers:
                - name: app
                  image: nginx:1.27-alpine
        ");
    }

    #[test]
    fn no_line_of_a_plan_can_end_the_shell_command_early() {
        let plan = DeploymentPlan { args: vec!["REMOTEGPU_YAML\nrm -rf /".into()], ..DeploymentPlan::default() };
        let command = kubectl_apply(&plan_yaml(&plan, "n"));
        assert_eq!(command.lines().filter(|line| *line == "REMOTEGPU_YAML").count(), 1);
    }
}
