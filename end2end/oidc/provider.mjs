// A real OpenID Connect provider for the tests. Whoever signs in with an e-mail address has an account of that name.
// Started with one argument, JSON: {"clients": [...], "port": 0}. Prints its issuer, then serves until it is stopped.
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

const provider = new Provider(issuer, {
  clients,
  cookies: { keys: ["a key for tests only"] },
  claims: { openid: ["sub", "sid"], email: ["email", "email_verified"], groups: ["groups"] },
  // So that only our own client can be what insists on PKCE.
  pkce: { required: () => false },
  findAccount: (_, id) => ({ accountId: id, claims: () => claims(id) }),
  // Nobody is asked whether the console may know the address.
  async loadExistingGrant(ctx) {
    const { client, session } = ctx.oidc;
    const known = session.grantIdFor(client.clientId);
    if (known) return provider.Grant.find(known);
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid email groups");
    await grant.save();
    return grant;
  },
});

const handle = provider.callback();
server.on("request", (request, response) => {
  if (request.url === "/favicon.ico") {
    response.writeHead(204).end();
  } else {
    handle(request, response);
  }
});
// Whoever started us reads one line and then no more.
process.stdout.on("error", () => {});
console.log(issuer);
