// The same on Node: `node node.js PORT FOLDER`.
const http = require("node:http");
const fs = require("node:fs");
const path = require("node:path");

const [port, folder] = process.argv.slice(2);
const small = Buffer.alloc(64, "x");
http
  .createServer((request, response) => {
    if (request.url === "/small") {
      response.writeHead(200, { "Content-Length": small.length });
      response.end(small);
      return;
    }
    fs.readFile(path.join(folder, request.url), (error, body) => {
      response.writeHead(error ? 404 : 200, { "Content-Length": error ? 0 : body.length });
      response.end(body);
    });
  })
  .listen(Number(port), "127.0.0.1");
