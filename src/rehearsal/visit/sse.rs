//! A reader of `/events`: plain HTTP/1.1 with server-sent events in its body.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use super::BaseUrl;
use super::Listener;
use super::Silence;
use super::Sort;
use super::stream::Teller;
use super::told;
use crate::settings::Secret;

/// Longest head of an answer.
const MAX_HEAD: usize = 32 << 10;
/// Longest line of a stream: an event is at most some 20 KiB.
const MAX_LINE: u64 = 1 << 20;

pub(super) fn open(base: &BaseUrl, token: Option<&Secret>, limit: Duration) -> Result<Listener, Silence> {
    let mut socket = base.connect(limit)?;
    let fault = |fault: std::io::Error| told(&fault, limit);
    socket.set_read_timeout(Some(limit)).map_err(fault)?;
    let shown = token.map(|token| format!("Authorization: Bearer {}\r\n", token.expose())).unwrap_or_default();
    let request = format!(
        "GET /events HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\nCache-Control: no-cache\r\n{shown}\r\n",
        base.authority()
    );
    socket.write_all(request.as_bytes()).map_err(fault)?;
    let mut reader = BufReader::new(socket.try_clone().map_err(fault)?);
    let head = read_head(&mut reader, limit)?;
    let status = status_of(&head)?;
    let lower = head.to_ascii_lowercase();
    let chunked = lower.lines().any(|line| line.starts_with("transfer-encoding:") && line.contains("chunked"));
    // A stream is silent for as long as it likes; whoever waits has a deadline, and closing the socket ends the read.
    socket.set_read_timeout(None).map_err(fault)?;
    Listener::start(socket, (status, head), move |teller| {
        if chunked {
            follow(BufReader::new(Chunks { inner: reader, left: 0 }), teller);
        } else {
            follow(reader, teller);
        }
    })
}

fn read_head(reader: &mut BufReader<TcpStream>, limit: Duration) -> Result<String, Silence> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        let room = (MAX_HEAD - before) as u64;
        let read = reader.by_ref().take(room).read_until(b'\n', &mut head).map_err(|fault| told(&fault, limit))?;
        let line = &head[before..];
        if line == b"\r\n" || line == b"\n" {
            return Ok(String::from_utf8_lossy(&head).replace('\r', ""));
        }
        if read == 0 || !line.ends_with(b"\n") {
            return Err(Silence::Broken("the head of the answer broke off".to_owned()));
        }
    }
}

fn status_of(head: &str) -> Result<u16, Silence> {
    let line = head.lines().next().unwrap_or_default();
    let mut words = line.split(' ');
    let sound = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    let status = words.next().and_then(|word| word.parse().ok());
    status.filter(|_| sound).ok_or_else(|| Silence::Broken(format!("{line:?} is no status line of HTTP")))
}

/// Reads frames until the stream ends or nobody listens.
fn follow(mut reader: impl BufRead, teller: &Teller) {
    let mut frame = Parts::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        if !text.is_empty() {
            frame.take(text);
        } else if !frame.tell(teller) {
            return;
        }
    }
}

/// The lines of one frame.
#[derive(Debug, Default)]
struct Parts {
    raw: String,
    data: Vec<String>,
    event: Option<String>,
    id: Option<u64>,
}

impl Parts {
    fn take(&mut self, line: &str) {
        self.raw.push_str(line);
        self.raw.push('\n');
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => self.data.push(value.to_owned()),
            "event" => self.event = Some(value.to_owned()),
            "id" => self.id = value.parse().ok(),
            _ => {}
        }
    }

    /// Gives the frame away; one without data is a comment.
    fn tell(&mut self, teller: &Teller) -> bool {
        let frame = std::mem::take(self);
        if frame.data.is_empty() {
            return true;
        }
        let sort = match frame.event.as_deref() {
            None | Some("message") => Sort::Event,
            Some("hello") => Sort::Hello,
            Some("heartbeat") => Sort::Heartbeat,
            Some("gap") => Sort::Gap,
            Some("shutdown") => Sort::Shutdown,
            Some(_) => Sort::Other,
        };
        teller.tell(sort, frame.id, (&frame.data.join("\n"), frame.raw))
    }
}

/// Takes the chunks of a chunked body apart.
struct Chunks<R> {
    inner: R,
    left: u64,
}

impl<R: BufRead> Read for Chunks<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let mut line = String::new();
            // A chunk ends with an empty line, which stands before the next size.
            while line.trim().is_empty() {
                line.clear();
                if self.inner.by_ref().take(1024).read_line(&mut line)? == 0 {
                    return Ok(0);
                }
            }
            let size = line.trim().split(';').next().unwrap_or_default();
            let broken = |_not_hex| std::io::Error::from(std::io::ErrorKind::InvalidData);
            self.left = u64::from_str_radix(size, 16).map_err(broken)?;
            if self.left == 0 {
                return Ok(0);
            }
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let read = self.inner.read(&mut into[..room])?;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together_again_wherever_they_were_cut() {
        let wire = "5\r\nid: 7\r\nc;x=y\r\n\ndata: {\"a\":\r\n6\r\n1}\n\n: \r\n0\r\n\r\n";
        let mut text = String::new();
        Chunks { inner: wire.as_bytes(), left: 0 }.read_to_string(&mut text).expect("read");
        assert_eq!(text, "id: 7\ndata: {\"a\":1}\n\n: ");
    }

    #[test]
    fn a_status_line_is_told_from_something_else() {
        let cases =
            [("HTTP/1.1 200 OK\n", Some(200)), ("HTTP/1.0 503 \n", Some(503)), ("SSH-2.0-x\n", None), ("", None)];
        for (head, want) in cases {
            assert_eq!(status_of(head).ok(), want, "{head:?}");
        }
    }
}
