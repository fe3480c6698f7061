// The part of Supabase's gateway that a client sees: /rest/v1 in front of PostgREST, the check of `apikey`, and of the
// auth service the one answer that setSession needs. Tokens are verified by PostgREST, not here.
// Test equipment. Usage: node gateway.mjs PORT UPSTREAM_PORT KEY…   (port 0: any; prints the port when it listens)

import http from "node:http";

const [port, upstream, ...keys] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true });
const cors = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "*",
  "access-control-allow-methods": "GET,HEAD,POST,PUT,PATCH,DELETE",
  "access-control-expose-headers": "*",
};

function refuse(response, status, message, hint) {
  response.writeHead(status, { "content-type": "application/json", ...cors });
  response.end(JSON.stringify({ message, hint }));
}

function whoAmI(request, response) {
  const claims = JSON.parse(Buffer.from(request.headers.authorization.split(".")[1], "base64url").toString());
  response.writeHead(200, { "content-type": "application/json", ...cors });
  response.end(JSON.stringify({ id: claims.sub, aud: claims.role, role: claims.role }));
}

const server = http.createServer((request, response) => {
  if (request.method === "OPTIONS") return response.writeHead(204, cors).end();
  const url = new URL(request.url, "http://gateway");
  if (url.pathname === "/auth/v1/user") return whoAmI(request, response);
  if (!url.pathname.startsWith("/rest/v1/")) return refuse(response, 404, "no Route matched with those values");
  const key = request.headers.apikey ?? url.searchParams.get("apikey");
  if (!key) return refuse(response, 401, "No API key found in request", "No `apikey` request header or url param was found.");
  if (!keys.includes(key)) return refuse(response, 401, "Invalid API key", "Double check your API key.");

  const headers = { ...request.headers, host: `127.0.0.1:${upstream}` };
  delete headers.apikey;
  headers.authorization ??= `Bearer ${key}`;
  const forwarded = http.request(
    { host: "127.0.0.1", port: upstream, agent, method: request.method, headers, path: url.pathname.slice("/rest/v1".length) + url.search },
    (answer) => {
      response.writeHead(answer.statusCode, { ...answer.headers, ...cors });
      answer.pipe(response);
    },
  );
  forwarded.on("error", () => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502, { "content-type": "text/html" }).end("<html><body>502 Bad Gateway</body></html>");
  });
  request.pipe(forwarded);
});

server.listen(Number(port), "127.0.0.1", () => console.log(server.address().port));
