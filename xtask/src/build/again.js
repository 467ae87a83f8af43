// What asks again for the page's code when it is lost on the way; written before the scripts of others that fetch it.
const again = async (ask) => {
  for (let pause = 100; ; pause = Math.min(3 * pause, 5000)) {
    try {
      return await ask();
    } catch (error) {
      // A line that broke, before the answer or amid it; nothing else is a TypeError.
      if (!(error instanceof TypeError)) throw error;
    }
    await new Promise((done) => setTimeout(done, pause));
  }
};
const fetchAgain = (...what) =>
  again(async () => {
    const answer = await globalThis.fetch(...what);
    // A console that restarts, seen by the proxy before it.
    if (answer.status >= 500) throw new TypeError(`status ${answer.status}`);
    if (answer.ok) return answer;
    // A console renewed since the page came has other code: the page comes anew, once.
    if (performance.getEntriesByType("navigation")[0]?.type !== "reload") location.reload();
    throw new Error(`${answer.url}: status ${answer.status}`);
  });
const WebAssembly = Object.assign(Object.create(globalThis.WebAssembly), {
  instantiateStreaming: async (source, imports) => {
    let first = await source;
    const { url } = first;
    // Of another type it is refused each time: no broken line.
    if (first.headers.get("content-type") !== "application/wasm") return globalThis.WebAssembly.instantiateStreaming(first, imports);
    return again(async () => {
      const answer = first ?? (await fetchAgain(url));
      first = undefined;
      return globalThis.WebAssembly.instantiateStreaming(answer, imports);
    });
  },
});
