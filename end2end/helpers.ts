// Small verbs of the stories: names nobody else has, real kubectl with a downloaded kubeconfig.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFile, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export function unique(prefix: string): string {
  return `${prefix}-${randomBytes(4).toString("hex")}`;
}

/** Runs the pinned kubectl as a tenant would: only a kubeconfig and an API key. */
export async function kubectl(kubeconfig: string, key: string, args: string[]): Promise<string> {
  const program = process.env.REMOTEGPU_KUBECTL ?? "kubectl";
  const env = { PATH: process.env.PATH ?? "", REMOTEGPU_API_KEY: key, HOME: "/nonexistent" };
  const { stdout, stderr } = await run(program, ["--kubeconfig", kubeconfig, ...args], { env, timeout: 60_000 });
  return stdout + stderr;
}

/** Runs the pinned kubectl as the cluster's administrator, with `input` for `-f -`. */
export async function clusterAdmin(args: string[], input = ""): Promise<string> {
  return administrator(process.env.KUBECONFIG ?? "", args, input);
}

/** The same on the second control plane, which stands for a cluster of somebody else. */
export async function importedAdmin(args: string[], input = ""): Promise<string> {
  return administrator(process.env.REMOTEGPU_TEST_IMPORTED_KUBECONFIG ?? "", args, input);
}

async function administrator(kubeconfig: string, args: string[], input: string): Promise<string> {
  const program = process.env.REMOTEGPU_KUBECTL ?? "kubectl";
  const env = { PATH: process.env.PATH ?? "", KUBECONFIG: kubeconfig, HOME: "/nonexistent" };
  const running = run(program, args, { env, timeout: 60_000 });
  running.child.stdin?.end(input);
  const { stdout, stderr } = await running;
  return stdout + stderr;
}

/** A Deployment without pods, made as the cluster's administrator makes it. */
export async function emptyDeployment(name: string, namespace: string): Promise<void> {
  const labels = { app: name, "remotegpu.ai/sku-code": "cpu-shared-8g" };
  const spec = { containers: [{ name: "app", image: "registry.invalid/app:1" }] };
  const object = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: { replicas: 0, selector: { matchLabels: { app: name } }, template: { metadata: { labels }, spec } },
  };
  await clusterAdmin(["apply", "-f", "-"], JSON.stringify(object));
}

/** A small local image that says "hello from the container", then a tick each second. */
export async function image(): Promise<string> {
  const name = "localhost/remotegpu-e2e:1";
  const root = await mkdtemp(join(tmpdir(), "remotegpu-image-"));
  await mkdir(join(root, "bin"));
  await copyFile("/bin/busybox", join(root, "bin", "busybox"));
  for (const applet of ["sh", "sleep", "echo"]) await symlink("busybox", join(root, "bin", applet));
  const archive = join(root, "root.tar");
  await run("tar", ["-C", root, "-cf", archive, "bin"]);
  const program =
    "trap 'exit 0' TERM; echo hello from the container; n=0; " +
    "while :; do n=$((n+1)); echo tick $n; sleep 1 & wait $!; done";
  const command = `CMD ${JSON.stringify(["/bin/sh", "-c", program])}`;
  await run("podman", ["import", "--change", command, archive, name]);
  await rm(root, { recursive: true });
  return name;
}
