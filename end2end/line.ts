// A line of one's own to the console.
import { createServer, connect, type AddressInfo, type Socket } from "node:net";

/** A line to the console that can be cut: the browser's own "offline" leaves open streams alone. */
export class Line {
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((near) => this.join(near));
  private port = 0;
  /** The paths whose answer broke off. */
  readonly lost = new Set<string>();

  /** `from` is what the console sees as the address of whoever comes through it; of each path that `loses` matches, the
   * first answer breaks off amid its body. */
  constructor(
    private readonly console: URL,
    private readonly from?: string,
    private readonly loses?: RegExp,
  ) {}

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
    const far = connect({ port: Number(this.console.port), host: this.console.hostname, localAddress: this.from });
    for (const [one, other] of [[near, far], [far, near]] as const) {
      this.sockets.add(one);
      one.on("error", () => other.destroy()).on("close", () => {
        this.sockets.delete(one);
        other.destroy();
      });
      if (one === near || !this.loses) one.pipe(other);
    }
    if (this.loses) this.lose(near, far, this.loses);
  }

  private lose(near: Socket, far: Socket, loses: RegExp): void {
    let path = "";
    near.on("data", (asked) => {
      path = asked.toString("latin1").match(/^GET (\S+) /)?.[1] ?? "";
    });
    far.on("data", (answer) => {
      const head = answer.indexOf("\r\n\r\n");
      if (!loses.test(path) || this.lost.has(path) || head < 0) return void near.write(answer);
      this.lost.add(path);
      near.write(answer.subarray(0, head + 4 + Math.ceil((answer.length - head - 4) / 2)), () => near.destroy());
    });
  }
}
