//! The way from the machine to the API server of a node, which is in a network of its own: a port of the machine, a
//! socket in the node's directory, which both sides see, and the API server's port.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;

/// Set in there: the port of the machine.
pub(crate) const PORT: &str = "LYCHGATE_NODE_PORT";

fn socket(directory: &Path) -> PathBuf {
    directory.join("apiserver.sock")
}

/// Takes connections on the machine to the socket. Whoever comes before there is one is turned away.
pub(crate) fn outside(listener: TcpListener, directory: &Path) {
    let socket = socket(directory);
    let _forever = thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Ok(inner) = UnixStream::connect(&socket) {
                // A connection that breaks off here breaks off for who holds it.
                let _broken = join(Stream::Tcp(stream), Stream::Unix(inner));
            }
        }
    });
}

/// Takes connections from the socket to the API server at this port.
pub(crate) fn within(directory: &Path, port: u16) -> io::Result<()> {
    let listener = UnixListener::bind(socket(directory))?;
    let _forever = thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Ok(inner) = TcpStream::connect(("127.0.0.1", port)) {
                let _broken = join(Stream::Unix(stream), Stream::Tcp(inner));
            }
        }
    });
    Ok(())
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
        }
    }

    fn shutdown(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}

impl io::Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl io::Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buffer),
            Self::Unix(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Copies both ways until both have ended.
fn join(one: Stream, other: Stream) -> io::Result<()> {
    let back = (other.try_clone()?, one.try_clone()?);
    for (mut from, mut to) in [(one, other), back] {
        let _until_it_ends = thread::spawn(move || {
            let _broken = io::copy(&mut from, &mut to);
            let _already_closed = to.shutdown();
        });
    }
    Ok(())
}
