//! Slow and hostile connections.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::client::{READ_KEY, Server};

#[test]
fn who_never_finishes_a_header_is_cut_off_and_keeps_nobody_waiting() {
    let server = Server::with(|settings| settings.request_time_max = Duration::from_millis(300));
    let mut slow = TcpStream::connect(server.address).unwrap();
    slow.write_all(b"POST /v1/track HTTP/1.1\r\nhost: here\r\nx-slow: ").unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(server.send("GET", "/healthz", &[], b"").status, 200);
    let mut rest = Vec::new();
    // Ends, or is reset.
    drop(slow.read_to_end(&mut rest));
    let said = String::from_utf8_lossy(&rest);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
}

#[test]
fn who_never_finishes_a_body_is_answered_408() {
    let server = Server::with(|settings| settings.request_time_max = Duration::from_millis(300));
    let mut slow = TcpStream::connect(server.address).unwrap();
    slow.write_all(b"POST /v1/track HTTP/1.1\r\nhost: here\r\ncontent-length: 1000\r\n\r\n{").unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[test]
fn a_stream_begins_at_once_and_needs_a_key() {
    let server = Server::start();
    assert_eq!(server.send("GET", "/v1/shifts/stream", &[], b"").status, 401);
    let mut stream = server.open("GET", "/v1/shifts/stream", &[("authorization", &format!("Bearer {READ_KEY}"))], b"");
    let mut beginning = [0; 12];
    stream.read_exact(&mut beginning).unwrap();
    assert_eq!(&beginning, b"HTTP/1.1 200");
    let answer = server.get("/v1/shifts/stream?after=nonsense", READ_KEY);
    assert_eq!(answer.status, 400);
}

/// Within which a server that streams must have ended: well before it would cut off what it is still
/// answering.
const END_MAX: Duration = Duration::from_secs(10);

/// Ends a server.
fn end(server: Server) {
    let (ended, end) = channel();
    let thread = std::thread::spawn(move || {
        drop(server);
        ended.send(()).unwrap();
    });
    end.recv_timeout(END_MAX).unwrap();
    thread.join().unwrap();
}

#[test]
fn a_stream_ends_with_the_server() {
    let server = Server::start();
    let key = format!("Bearer {READ_KEY}");
    let mut stream = server.open("GET", "/v1/shifts/stream", &[("authorization", &key)], b"");
    let mut beginning = [0; 12];
    stream.read_exact(&mut beginning).unwrap();
    end(server);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "the stream ends whole: {rest}");
}

/// Asks for much more than the system buffers and reads nothing of it.
fn who_never_reads(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    let requests = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: here\r\n\r\n".repeat(100);
    stream.write_all(requests.as_bytes()).unwrap();
    // Until the first byte is there nothing waits to be written.
    stream.peek(&mut [0]).unwrap();
    stream
}

#[test]
fn who_never_reads_does_not_delay_the_end() {
    let server = Server::start();
    let stream = who_never_reads(&server);
    end(server);
    drop(stream);
}

#[test]
fn who_never_reads_loses_the_place() {
    let server = Server::with(|settings| {
        settings.request_time_max = Duration::from_millis(300);
        settings.connections_max = 1;
    });
    let stream = who_never_reads(&server);
    assert_eq!(server.send("GET", "/healthz", &[], b"").status, 200);
    drop(stream);
}
