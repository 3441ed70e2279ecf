//! Echo on Rust's mio: a Poll, which on Linux is an epoll object, edge-triggered. tokio stands on it.
//!
//! usage: echo_mio PORT        listens on 127.0.0.1; serves until killed.
//!
//! mio is the poller only. It reports a change once, so a turn that leaves something unread asks again, by
//! `reregister`. A client is read from only when all is sent that it is owed: then its end is the last thing that is
//! read, and what it is owed is one buffer at most. Source: docs.rs/mio, Poll, "Portability"; epoll(7).

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::collections::HashMap;
use std::io::{ErrorKind, Read, Result, Write};
use std::time::Duration;

const LISTENER: Token = Token(usize::MAX);
const BUFFER_BYTES: usize = 64 * 1024;

fn done(result: Result<usize>) -> Result<Option<usize>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        other => other.map(Some),
    }
}

/// One turn of a client; returns whether there is more to read. An error, or the end of the stream, ends it.
fn turn(stream: &mut TcpStream, owed: &mut Vec<u8>, buffer: &mut [u8], end_follows: bool) -> Result<bool> {
    if !owed.is_empty() {
        let sent = done(stream.write(owed))?.unwrap_or(0);
        owed.drain(..sent);
    }
    if !owed.is_empty() {
        return Ok(false);
    }
    let Some(got) = done(stream.read(buffer))? else { return Ok(false) };
    if got == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let sent = done(stream.write(&buffer[..got]))?.unwrap_or(0);
    owed.extend_from_slice(&buffer[sent..got]);
    Ok(sent == got && (got == buffer.len() || end_follows))
}

fn main() -> Result<()> {
    let port = std::env::args().nth(1).expect("usage: echo_mio PORT");
    let mut listener = TcpListener::bind(format!("127.0.0.1:{port}").parse().expect("a port"))?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    let both = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut clients, mut buffer) = (HashMap::new(), vec![0; BUFFER_BYTES]);
    let (mut next, mut pause) = (0, None);
    loop {
        match poll.poll(&mut events, pause) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue, // by SIGCONT
            result => result?,
        }
        for event in &events {
            let Some((stream, owed)) = clients.get_mut(&event.token()) else { continue };
            match turn(stream, owed, &mut buffer, event.is_read_closed()) {
                Ok(false) => {}
                Ok(true) => poll.registry().reregister(stream, event.token(), both)?,
                Err(_) => drop(clients.remove(&event.token())), // closed, and so off epoll's list
            }
        }
        if pause.is_some() || events.iter().any(|event| event.token() == LISTENER) {
            pause = loop {
                match listener.accept() {
                    Ok((mut stream, _)) => {
                        poll.registry().register(&mut stream, Token(next), both)?;
                        clients.insert(Token(next), (stream, Vec::new()));
                        next += 1;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break None,
                    Err(_) => break Some(Duration::from_secs(1)), // out of descriptors: tried again in a second
                }
            };
        }
    }
}
