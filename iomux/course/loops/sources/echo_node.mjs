// Echo on Node: libuv's loop calls back, and a stream is piped into itself.
//
// usage: node echo_node.mjs PORT        listens on 127.0.0.1; serves until killed.
//
// pipe() stops reading while the socket takes no more, and at the end of the stream sends the rest and ends it.
// Source: nodejs.org, Net and Stream.

import net from "node:net";

const server = net.createServer({ allowHalfOpen: true }, (client) => {
  client.on("error", () => client.destroy()); // a reset: without this line it would end the process
  client.pipe(client);
});
server.listen({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096 });
