// The browser loses the console and gets it back: what was shown stays, and what happened meanwhile appears.
import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { expect, open, test } from "../fixtures.ts";
import { emptyDeployment, unique } from "../helpers.ts";
import { kubernetesName, namespace } from "../pages.ts";

/** A line to the console that can be cut: the browser's own "offline" leaves open streams alone. */
class Line {
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((near) => this.join(near));
  private port = 0;

  constructor(private readonly console: URL) {}

  /** Connects, the second time at the port of the first. */
  async mend(): Promise<void> {
    await new Promise<void>((listening) => this.server.listen(this.port, this.console.hostname, listening));
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** Ends what is open and refuses what comes. */
  async cut(): Promise<void> {
    const closed = new Promise((done) => this.server.close(done));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** The same host: a session's cookie goes to each of its ports. */
  url(path: string): string {
    return `http://${this.console.hostname}:${this.port}${path}`;
  }

  private join(near: Socket): void {
    const far = connect(Number(this.console.port), this.console.hostname);
    for (const [one, other] of [[near, far], [far, near]] as const) {
      this.sockets.add(one);
      one.on("error", () => other.destroy()).on("close", () => {
        this.sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }
}

test("a live list keeps what it has, says that it reconnects, and catches up", async ({ signedIn: page, baseURL }) => {
  const line = new Line(new URL(String(baseURL)));
  await line.mend();
  const id = await namespace(page);
  const inside = await kubernetesName(page, id);
  const [before, meanwhile] = [unique("before"), unique("meanwhile")];
  await emptyDeployment(before, inside);
  await open(page, line.url(`/kubernetes/${id}/workloads`));
  const row = (name: string) => page.getByRole("link", { name, exact: true });
  await expect(row(before)).toBeVisible();
  await expect(page.getByText("live", { exact: true })).toBeVisible();

  await line.cut();
  await emptyDeployment(meanwhile, inside);
  await expect(page.getByText("reconnecting", { exact: true })).toBeVisible();
  await expect(row(before)).toBeVisible();
  await expect(row(meanwhile)).toBeHidden();

  await line.mend();
  await expect(row(meanwhile)).toBeVisible();
  await expect(page.getByText("live", { exact: true })).toBeVisible();
  await expect(row(before)).toBeVisible();
  await line.cut();
});
