// A real OpenID Connect provider for the tests. Whoever signs in with an e-mail address has an account of that name.
// Started with one argument, JSON: {"clients": [...], "port": 0}. Prints its issuer, then serves until it is stopped.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const { clients, port = 0 } = JSON.parse(process.argv[2]);
const server = createServer();
await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

// Addresses that begin with "admin" are in a group; those that begin with "unverified" are not verified.
function claims(email) {
  return {
    sub: email,
    email,
    email_verified: !email.startsWith("unverified"),
    groups: email.startsWith("admin") ? ["gpu-admins"] : ["everybody"],
  };
}

const fresh = () => {
  const jwk = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
  return { keys: [{ ...jwk, kid: randomUUID(), use: "sig", alg: "RS256" }] };
};

// What people and clients have there lies outside the provider: it survives a change of its keys.
const begin = () => new Provider(issuer, {
  clients,
  jwks: fresh(),
  cookies: { keys: ["a key for tests only"] },
  claims: { openid: ["sub", "sid"], email: ["email", "email_verified"], groups: ["groups"] },
  // So that only our own client can be what insists on PKCE.
  pkce: { required: () => false },
  findAccount: (_, id) => ({ accountId: id, claims: () => claims(id) }),
  // Nobody is asked whether the console may know the address.
  async loadExistingGrant(ctx) {
    const { client, session, provider } = ctx.oidc;
    const known = session.grantIdFor(client.clientId);
    if (known) return provider.Grant.find(known);
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid email groups");
    await grant.save();
    return grant;
  },
});

let handle = begin().callback();
let asked = 0;
server.on("request", (request, response) => {
  if (request.url === "/favicon.ico") {
    response.writeHead(204).end();
  } else if (request.url === "/test/rotate") {
    handle = begin().callback();
    response.writeHead(204).end();
  } else if (request.url === "/test/asked-for-keys") {
    response.end(String(asked));
  } else {
    if (request.url === "/jwks") asked += 1;
    handle(request, response);
  }
});
// Whoever started us reads one line and then no more.
process.stdout.on("error", () => {});
console.log(issuer);
