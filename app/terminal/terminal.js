// A terminal in a page: xterm on one side, a WebSocket of the console on the other. Loaded only where one is shown.
//
// <remote-terminal data-url="/live/…/exec?…" data-attempt="1">: connects whenever the attempt changes. Tells how it is
// by the event `terminalstate` and the attributes `data-state` (connecting, open, closed) and `data-why`.
import { Terminal } from "./xterm.mjs";
import { FitAddon } from "./addon-fit.mjs";

// A line that breaks is taken up again after so many milliseconds, with a new shell; then a person has to ask.
const PAUSES = [500, 1000, 2000, 4000, 8000];

// What a program that is gone left switched on: the mouse, marked pastes, colours. The text stays.
const ANEW = "\x1b[?1000;1002;1003;1006;2004l\x1b[!p\x1b[0m\r\n";
// Its own screen too; where there is none this would lead back to the top.
const LEAVE_SCREEN = "\x1b[?1049l";

// xterm writes style elements; the page's policy wants its nonce on each.
const nonce = document.querySelector("script[nonce]")?.nonce ?? "";
const create = document.createElement.bind(document);
document.createElement = (name, options) => {
  const element = create(name, options);
  if (String(name).toLowerCase() === "style") element.nonce = nonce;
  return element;
};

// Colours that no class has it writes as attributes, which the policy forbids; through the style itself they are allowed.
const setAttribute = Element.prototype.setAttribute;
HTMLSpanElement.prototype.setAttribute = function (name, value) {
  if (name === "style") this.style.cssText = value;
  else setAttribute.call(this, name, value);
};

const sheet = create("link");
sheet.rel = "stylesheet";
sheet.href = new URL("xterm.css", import.meta.url).href;
const styled = new Promise((done) => {
  sheet.onload = done;
  sheet.onerror = done;
});
document.head.append(sheet);

class RemoteTerminal extends HTMLElement {
  static observedAttributes = ["data-attempt"];

  connectedCallback() {
    this.terminal = new Terminal({
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      fontFamily: getComputedStyle(this).fontFamily,
      fontSize: 13,
      minimumContrastRatio: 4.5,
      scrollback: 5000,
      screenReaderMode: true,
      theme: this.colors(),
    });
    this.fit = new FitAddon();
    this.terminal.loadAddon(this.fit);
    this.terminal.open(this);
    this.fit.fit();
    this.terminal.onData((keys) => this.send(new TextEncoder().encode(keys)));
    this.terminal.onBinary((keys) => this.send(Uint8Array.from(keys, (key) => key.charCodeAt(0))));
    this.terminal.onResize(({ cols, rows }) => this.send(JSON.stringify({ columns: cols, rows })));
    this.terminal.attachCustomKeyEventHandler((event) => this.key(event));
    this.observer = new ResizeObserver(() => this.fit.fit());
    this.observer.observe(this);
    this.gone = new AbortController();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.repaint(), { signal: this.gone.signal });
    this.themes = new MutationObserver(() => this.repaint());
    this.themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    this.connect();
  }

  disconnectedCallback() {
    clearTimeout(this.again);
    this.observer?.disconnect();
    this.themes?.disconnect();
    this.gone?.abort();
    this.socket?.close();
    this.terminal?.dispose();
    this.terminal = undefined;
  }

  attributeChangedCallback(name, before, now) {
    if (this.terminal && before !== null && before !== now) this.connect();
  }

  colors() {
    const { backgroundColor, color } = getComputedStyle(this);
    return { background: backgroundColor, foreground: color, cursor: color, cursorAccent: backgroundColor };
  }

  repaint() {
    this.terminal.options.theme = this.colors();
  }

  /** F6 leaves: everything else, Tab too, belongs to the shell. What is selected is copied, else Ctrl+C interrupts. */
  key(event) {
    if (event.type !== "keydown") return true;
    if (event.key === "F6") {
      event.preventDefault();
      document.getElementById(this.dataset.leave)?.focus();
      return false;
    }
    const copies = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "c";
    return !(copies && this.terminal.hasSelection());
  }

  /** `broken`: how often the line broke since it last stood; 0 when a person asked. */
  connect(broken = 0) {
    clearTimeout(this.again);
    this.socket?.close();
    // Data never disappears while a broken line is mended.
    if (!broken) this.terminal.reset();
    const url = new URL(this.dataset.url, location.href);
    url.searchParams.set("columns", String(this.terminal.cols));
    url.searchParams.set("rows", String(this.terminal.rows));
    const asked = url.href;
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    let opened = false;
    let why = "";
    this.tell("connecting", broken ? "The line broke; opening a new shell" : "");
    socket.onopen = () => {
      opened = true;
      this.tell("open", broken ? "The line broke; this is a new shell" : "");
      // Whoever went elsewhere meanwhile is left there.
      if (broken) this.anew();
      else this.terminal.focus();
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") why = JSON.parse(data).end ?? "";
      else this.terminal.write(new Uint8Array(data));
    };
    socket.onclose = async () => {
      // Another attempt, or another page, took its place.
      if (this.socket !== socket || !this.terminal) return;
      const tried = opened ? 0 : broken;
      if (!why && (opened || broken) && tried < PAUSES.length) {
        this.tell("connecting", "The line broke; opening a new shell");
        this.again = setTimeout(() => this.connect(tried + 1), PAUSES[tried]);
        return;
      }
      if (!opened && !why) why = await reason(asked);
      if (this.socket === socket && this.terminal) this.tell("closed", why);
    };
  }

  anew() {
    const apart = this.terminal.buffer.active.type === "alternate";
    this.terminal.write(`${apart ? LEAVE_SCREEN : ""}${ANEW}`);
  }

  send(data) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(data);
  }

  tell(state, why) {
    this.dataset.state = state;
    this.dataset.why = why;
    this.dispatchEvent(new Event("terminalstate"));
  }
}

/** A browser does not say why a WebSocket was refused: asked without one, the console does. */
async function reason(url) {
  try {
    const { detail } = await (await fetch(url, { headers: { accept: "application/json" } })).json();
    return detail;
  } catch {
    return "The console cannot be reached";
  }
}

// Without its styles nobody knows how many cells fit.
await styled;
customElements.define("remote-terminal", RemoteTerminal);
