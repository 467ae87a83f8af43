// Writes a `.br` and a `.gz` beside each file named on the command line and prints the bytes of the brotli forms.
// In Node, because its brotli is native code: the same work in an unoptimised Rust build takes ten times as long.
import { readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

// Smaller files gain nothing: the headers of one answer are as long.
const LEAST = 512;

let total = 0;
for (const path of process.argv.slice(2)) {
  const bytes = readFileSync(path);
  if (bytes.length < LEAST) {
    total += bytes.length;
    continue;
  }
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  const brotli = brotliCompressSync(bytes, { params });
  writeFileSync(`${path}.br`, brotli);
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  total += brotli.length;
}
console.log(total);
