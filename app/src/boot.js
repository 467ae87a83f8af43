// Starts a page. Each script of it is fetched until it is there whole, and only then imported, out of the cache: an import
// that is lost on the way is not made again, and the page would stay dead.
async (scripts, wasm) => {
  const whole = async (url) => {
    for (let pause = 100; ; pause = Math.min(3 * pause, 5000)) {
      try {
        const answer = await fetch(url);
        if (answer.ok) return await answer.arrayBuffer();
        // A console renewed since the page came has other scripts: the page comes anew, once.
        if (answer.status < 500) {
          if (performance.getEntriesByType("navigation")[0]?.type !== "reload") location.reload();
          throw new Error(`${url}: status ${answer.status}`);
        }
      } catch (error) {
        // A line that broke, before the answer or amid it; nothing else is a TypeError.
        if (!(error instanceof TypeError)) throw error;
      }
      await new Promise((done) => setTimeout(done, pause));
    }
  };
  await Promise.all(scripts.map(whole));
  const page = await import(scripts[0]);
  await page.default({ module_or_path: wasm });
  page.hydrate();
}
