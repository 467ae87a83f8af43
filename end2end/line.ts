// A line of one's own to the console.
import { createServer, connect, type AddressInfo, type Socket } from "node:net";

/** A line to the console that can be cut: the browser's own "offline" leaves open streams alone. */
export class Line {
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((near) => this.join(near));
  private port = 0;

  /** `from` is what the console sees as the address of whoever comes through it. */
  constructor(
    private readonly console: URL,
    private readonly from?: string,
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
      one.pipe(other);
    }
  }
}
