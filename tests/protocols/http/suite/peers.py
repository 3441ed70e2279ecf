"""`python -m tests.protocols.http.suite.peers [PYTHON]`: the suite's score for each HTTP server that is here.

PYTHON: an interpreter that has aiohttp, uvicorn, httptools and h11; else those are left out, and it is said. Each
serves a page at `/`, and those that can send a POST's body back. Ours are carried by epoll.
"""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import iomux
from iomux.protocols.http import Request, Response, application, site
from tests.protocols.http.suite.judge import DOUBTFUL, RIGHT, WRONG, run
from tests.protocols.http.suite.talk import Address

NODE = """require('http').createServer((q, s) => { let b = []; q.on('data', d => b.push(d)); q.on('end', () => {
  try { if (new URL(q.url, 'http://x').pathname != '/') s.statusCode = 404 } catch (e) { s.statusCode = 400 }
  if (!['GET', 'HEAD', 'POST'].includes(q.method)) { s.statusCode = 405; s.setHeader('Allow', 'GET, HEAD, POST') }
  s.setHeader('Content-Type', 'text/plain'); s.end(q.method == 'POST' ? Buffer.concat(b) : 'hello') }) })
  .listen(+process.argv[1], '127.0.0.1')"""
AIOHTTP = """import sys
from aiohttp import web
async def page(q): return web.Response(text='hello')
async def echo(q): return web.Response(body=await q.read(), content_type='text/plain')
app = web.Application(); app.add_routes([web.get('/', page), web.post('/', echo)])
web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), print=None, access_log=None)"""
UVICORN = """import sys, uvicorn
async def app(scope, receive, send):
    body, more = b'', True
    while more:
        event = await receive(); body += event.get('body', b''); more = event.get('more_body', False)
    answer = body if scope['method'] == 'POST' else b'hello'
    head = [(b'content-length', str(len(answer)).encode())]
    head += [(b'content-type', b'text/plain'), (b'allow', b'GET, HEAD, POST')]
    status = 405 if scope['method'] not in ('GET', 'HEAD', 'POST') else 200 if scope['path'] == '/' else 404
    await send({'type': 'http.response.start', 'status': status, 'headers': head})
    await send({'type': 'http.response.body', 'body': answer})
uvicorn.run(app, host='127.0.0.1', port=int(sys.argv[1]), http=sys.argv[2], lifespan='off', log_level='critical')"""
NGINX = """daemon off; master_process off; pid {folder}/pid; error_log /dev/null; events {{ }}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
 uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
 server {{ listen 127.0.0.1:{port}; root {folder}/www; }} }}"""


def echo(request: Request) -> Response | bytes:
    """The page, or the body back."""
    if request.target.partition("?")[0] != "/":
        return Response(b"nothing\n", status=404)
    return request.body if request.method == "POST" else b"hello"


def commands(python: str, folder: Path, port: int) -> dict[str, list[str] | None]:
    """The command of each peer; None if this machine has not got it."""
    (folder / "www").mkdir(exist_ok=True)
    (folder / "www" / "index.html").write_text("<p>hello")
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    nginx, node = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin"), shutil.which("node")
    has = {name: not subprocess.call([python, "-c", f"import {name}"], stderr=-3) for name in ("aiohttp", "uvicorn")}
    return {
        "nginx": [nginx, "-p", str(folder), "-e", "/dev/null", "-c", str(folder / "nginx.conf")] if nginx else None,
        "Node": [node, "-e", NODE, str(port)] if node else None,
        "aiohttp": [python, "-c", AIOHTTP, str(port)] if has["aiohttp"] else None,
        "uvicorn, httptools": [python, "-c", UVICORN, str(port), "httptools"] if has["uvicorn"] else None,
        "uvicorn, h11": [python, "-c", UVICORN, str(port), "h11"] if has["uvicorn"] else None,
        "http.server": [
            sys.executable,
            "-m",
            "http.server",
            "-p",
            "HTTP/1.1",
            "-b",
            "127.0.0.1",
            "-d",
            str(folder / "www"),
            str(port),
        ],
    }


@contextlib.contextmanager
def started(command: list[str], port: int) -> Iterator[Address]:
    """A peer that listens; it is gone at the end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait()


def show(name: str, address: Address) -> None:
    """Print a server's score, and what is wrong."""
    verdicts = list(run(address))
    score = Counter(verdict.word for verdict in verdicts)
    print(f"{name:20} {score[RIGHT]:4} right {score[DOUBTFUL]:4} doubtful {score[WRONG]:4} wrong", flush=True)
    for case, word, outcome, reason in verdicts:
        if word == WRONG and "-v" in sys.argv:
            print(f"    {case.name} (RFC {case.section}): {outcome!r} {reason}")


def main() -> None:
    """All servers, ours first."""
    python = next((word for word in sys.argv[1:] if word != "-v"), sys.executable)
    with tempfile.TemporaryDirectory() as name:
        with iomux.listen() as free:
            port = free.getsockname()[1]
        peers = commands(python, Path(name), port)
        ours = {"ours, a function": application(echo), "ours, files": site(f"{name}/www")}
        for title, factory in ours.items():
            with iomux.start("epoll", protocol=factory) as server:
                show(title, server.address)
        for title, command in peers.items():
            if command is None:
                print(f"{title:20} is not here")
            else:
                with started(command, port) as address:
                    show(title, address)


if __name__ == "__main__":
    main()
