// A real OpenID provider as the external issuer, and tokens that it would never give, signed with its own key.
// `issuer.mjs PORT RESOURCE`: prints one JSON line with the tokens, and serves until its input ends.
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { Provider } from "oidc-provider";

const [port, resource] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
const kid = `key-${Date.now()}`;
const jwk = { ...(await exportJWK(privateKey)), kid, use: "sig", alg: "RS256" };
const forSecrets = await generateKeyPair("RS256", { extractable: true });
const enc = { ...(await exportJWK(forSecrets.privateKey)), kid: `${kid}-enc`, use: "enc" };
const provider = new Provider(issuer, {
  clients: [{ client_id: "report", client_secret: "s".repeat(40), grant_types: ["client_credentials"], redirect_uris: [], response_types: [] }],
  jwks: { keys: [jwk, enc] },
  cookies: { keys: ["a cookie key of the test"] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    // So that it publishes a key for secrets, too.
    encryption: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, indicator) => ({ scope: "Sql.Read Sql.Write", audience: indicator, accessTokenFormat: "jwt", accessTokenTTL: 600 }),
    },
  },
});
provider.on("server_error", (_, e) => console.error(e));
const server = provider.listen(Number(port), "127.0.0.1", async () => {
  const given = async (scope, audience) => {
    const body = new URLSearchParams({ grant_type: "client_credentials", client_id: "report", client_secret: "s".repeat(40), scope, resource: audience });
    const r = await fetch(`${issuer}/token`, { method: "POST", body });
    const v = await r.json();
    if (!v.access_token) throw new Error(JSON.stringify(v));
    return v.access_token;
  };
  const now = Math.floor(Date.now() / 1000);
  const made = (claims, header = {}, key = privateKey) =>
    new SignJWT({ iss: issuer, aud: resource, sub: "ada", scope: "Sql.Read", exp: now + 600, ...claims }).setProtectedHeader({ alg: "RS256", kid, ...header }).sign(key);
  const part = (o) => Buffer.from(JSON.stringify(o)).toString("base64url");
  const stranger = await generateKeyPair("RS256");
  const good = await given("Sql.Read", resource);
  const pem = new TextEncoder().encode(JSON.stringify(await exportJWK(publicKey)));
  console.log(JSON.stringify({
    read: good,
    write: await given("Sql.Read Sql.Write", resource),
    person: await made({ scope: undefined, roles: ["Sql.Read", "Something.Else"] }),
    skewed: await made({ exp: now - 30 }),
    bad: {
      "another audience": await given("Sql.Read", "https://elsewhere.example/"),
      expired: await made({ exp: now - 120 }),
      "not yet valid": await made({ nbf: now + 300 }),
      "another issuer": await made({ iss: "http://127.0.0.1:1" }),
      "no audience": await made({ aud: undefined }),
      "no expiry": await made({ exp: undefined }),
      "another key": await made({}, {}, stranger.privateKey),
      "unknown kid": await made({}, { kid: "nobody" }),
      "alg none": `${part({ alg: "none", kid })}.${part({ iss: issuer, aud: resource, sub: "ada", scope: "Sql.Read", exp: now + 600 })}.`,
      "HMAC with the public key": await made({}, { alg: "HS256" }, pem),
      "a key for encryption": await made({}, { kid: enc.kid }, forSecrets.privateKey),
      "an extension that must be understood": await new SignJWT({ iss: issuer, aud: resource, sub: "ada", scope: "Sql.Read", exp: now + 600 })
        .setProtectedHeader({ alg: "RS256", kid, crit: ["https://example.com/x"], "https://example.com/x": true })
        .sign(privateKey, { crit: { "https://example.com/x": true } }),
      tampered: good.replace(/\.([^.]+)\./, (_, p) => `.${part({ ...JSON.parse(Buffer.from(p, "base64url")), scope: "Sql.Read Sql.Write" })}.`),
    },
  }));
});
process.stdin.resume();
process.stdin.on("end", () => server.close(() => process.exit(0)));
