// A small store in another language, which knows a few commands only. It makes an answer when the last one was taken
// (write returns false: wait for "drain"), and owes what was asked for after the client's end of stream.
import { createServer } from "node:net";

const values = new Map();
const integer = /^(0|-?[1-9][0-9]*)$/;
const bulk = (data) => Buffer.concat([Buffer.from(`$${data.length}\r\n`), data, Buffer.from("\r\n")]);
const error = (text) => Buffer.from(`-ERR ${text}\r\n`);
const number = (value) => Buffer.from(`:${value}\r\n`);
const ok = Buffer.from("+OK\r\n"), nil = Buffer.from("$-1\r\n");
const found = (key) => values.get(key.toString("latin1"));

const commands = {
  PING: [1, 2, (words) => (words.length > 1 ? bulk(words[1]) : Buffer.from("+PONG\r\n"))],
  ECHO: [2, 2, (words) => bulk(words[1])],
  GET: [2, 2, ([, key]) => (found(key) ? bulk(found(key)) : nil)],
  SET: [3, 3, ([, key, value]) => (values.set(key.toString("latin1"), Buffer.from(value)), ok)],
  DEL: [2, 99, ([, ...keys]) => number(keys.filter((key) => values.delete(key.toString("latin1"))).length)],
  EXISTS: [2, 99, ([, ...keys]) => number(keys.filter(found).length)],
  INCR: [2, 2, ([, key]) => {
    const old = (found(key) ?? "0").toString("latin1");
    if (!integer.test(old) || BigInt(old) >= 2n ** 63n - 1n) return error("no number, or too large");
    values.set(key.toString("latin1"), Buffer.from(`${BigInt(old) + 1n}`));
    return number(BigInt(old) + 1n);
  }],
};

function answer(words) {
  const known = commands[words[0].toString().toUpperCase()];
  if (!known) return error("unknown command");
  return words.length < known[0] || words.length > known[1] ? error("wrong number of arguments") : known[2](words);
}

// The words at the beginning of the bytes and where they end; nothing if they are not complete. Throws if they are wrong.
function command(came) {
  let end = came.indexOf("\n");
  if (end < 0 && came.length > 65536) throw new Error("too big inline request");
  if (end < 0) return null;
  const line = came.toString("latin1", 0, end).trim();
  if (line[0] !== "*") {
    if (/["']/.test(line)) throw new Error("unbalanced quotes in request");
    return [line.split(/\s+/).filter(Boolean).map((word) => Buffer.from(word, "latin1")), end + 1];
  }
  const count = counted(line.slice(1), 1 << 20), words = [];
  for (let place = end + 1; ; ) {
    if (words.length >= count) return [words, place];
    if (place < came.length && came[place] !== 36) throw new Error("expected '$'");
    if ((end = came.indexOf("\n", place)) < 0) return null;
    const size = counted(came.toString("latin1", place + 1, end).trim(), 512 << 20);
    if (size < 0) throw new Error("invalid bulk length");
    if (came.length < end + 3 + size) return null;
    words.push(came.subarray(end + 1, end + 1 + size));
    place = end + 3 + size;
  }
}

function counted(text, most) {
  if (!integer.test(text) || Number(text) > most) throw new Error("invalid length");
  return Number(text);
}

function converse(socket) {
  let came = Buffer.alloc(0), ended = false, over = false;
  const go = () => {
    try {
      for (let next; !over && !socket.writableNeedDrain && (next = command(came)); ) {
        came = came.subarray(next[1]);
        if (next[0].length) socket.write(answer(next[0]));
      }
    } catch (wrong) {
      over = true;
      socket.end(error(`Protocol error: ${wrong.message}`));
    }
    socket.writableNeedDrain ? socket.pause() : socket.resume();
    if (ended && !over && !socket.writableNeedDrain) socket.end();
  };
  socket.on("data", (data) => { came = Buffer.concat([came, data]); go(); });
  socket.on("drain", go).on("end", () => { ended = true; go(); }).on("error", () => {});
}

createServer({ allowHalfOpen: true, noDelay: true }, converse).listen(Number(process.argv[2]), "127.0.0.1");
