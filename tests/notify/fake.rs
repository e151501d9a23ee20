//! The other sides of messages over real sockets: an HTTP server that answers what a test says, and a mail server.

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// What a server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answers these bytes and closes.
    Say(Vec<u8>),
    /// Answers these bytes and keeps the connection open until the other side ends it.
    SayAndHang(Vec<u8>),
}

impl Act {
    /// An answer with a status line, a JSON body and more header lines, each with its line end.
    pub(crate) fn status(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Say(format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes())
    }

    /// Never answers.
    pub(crate) fn hang() -> Self {
        Self::SayAndHang(Vec::new())
    }
}

/// A server; every connection and every request is kept.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Fake {
    /// Answers each request with what `act` makes of it.
    pub(crate) fn http(act: impl Fn(&str) -> Act + Send + Sync + 'static) -> Self {
        Self::start(move |stream, seen| {
            let request = request(stream);
            seen.lock().expect("sound").push(request.clone());
            let (bytes, stays) = match act(&request) {
                Act::Say(bytes) => (bytes, false),
                Act::SayAndHang(bytes) => (bytes, true),
            };
            stream.write_all(&bytes).ok();
            if stays {
                // Ends when the other side gives up or dies.
                while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
            }
        })
    }

    /// A mail server that follows a script.
    pub(crate) fn smtp(script: Smtp) -> Self {
        Self::start(move |stream, seen| {
            script.serve(stream, seen);
        })
    }

    /// Serves each connection on a thread of its own.
    pub(crate) fn start(serve: impl Fn(&mut TcpStream, &Mutex<Vec<String>>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let (kept, serve) = (Arc::clone(&seen), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                counted.fetch_add(1, Ordering::SeqCst);
                let (kept, serve) = (Arc::clone(&kept), Arc::clone(&serve));
                std::thread::spawn(move || serve(&mut stream, &kept));
            }
        });
        Self { address, seen, connections }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often somebody connected, whether anything was asked or not.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Everything that was asked, in order.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("sound").clone()
    }
}

fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut chunk) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&chunk[..read]),
            _ => return String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

/// What a mail server says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Smtp {
    /// The first line.
    pub(crate) greeting: &'static str,
    /// What it can do, after EHLO.
    pub(crate) extensions: &'static [&'static str],
    /// Its answer to AUTH.
    pub(crate) auth: &'static str,
    /// Its answer to RCPT.
    pub(crate) rcpt: &'static str,
    /// Its answer to the end of the mail; empty for none ever, CUT for the end of the
    /// connection.
    pub(crate) done: &'static str,
    /// Whether every answer repeats what was said.
    pub(crate) echoes: bool,
}

impl Smtp {
    pub(crate) const GOOD: Self = Self {
        greeting: "220 fake",
        extensions: &["AUTH PLAIN LOGIN", "8BITMIME"],
        auth: "235 ok",
        rcpt: "250 ok",
        done: "250 queued",
        echoes: false,
    };

    /// Greets and follows the script until the end or until encryption is asked for; says whether it was.
    pub(crate) fn serve(self, stream: &mut (impl Read + Write), seen: &Mutex<Vec<String>>) -> bool {
        self.say(stream, self.greeting, "");
        self.talk(stream, seen)
    }

    fn say(self, stream: &mut impl Write, text: &str, heard: &str) {
        let heard = if self.echoes { format!(" {heard}") } else { String::new() };
        stream.write_all(format!("{text}{heard}\r\n").as_bytes()).ok();
        stream.flush().ok();
    }

    /// The same without a greeting.
    pub(crate) fn talk(self, stream: &mut (impl Read + Write), seen: &Mutex<Vec<String>>) -> bool {
        let mut in_mail = false;
        while let Some(line) = read_line(stream) {
            seen.lock().expect("sound").push(line.clone());
            let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            if in_mail {
                if line == "." {
                    in_mail = false;
                    if self.done.is_empty() {
                        while read_line(stream).is_some() {}
                        return false;
                    }
                    if self.done == "CUT" {
                        return false;
                    }
                    self.say(stream, self.done, "");
                }
                continue;
            }
            match word.as_str() {
                "EHLO" => {
                    let all = ["fake"].iter().chain(self.extensions).collect::<Vec<_>>();
                    let (last, rest) = all.split_last().expect("one");
                    rest.iter().for_each(|one| self.say(stream, &format!("250-{one}"), ""));
                    self.say(stream, &format!("250 {last}"), "");
                }
                "STARTTLS" => {
                    self.say(stream, "220 go", "");
                    return true;
                }
                "AUTH" => self.say(stream, self.auth, &line),
                "RCPT" => self.say(stream, self.rcpt, &line),
                "DATA" => {
                    in_mail = true;
                    self.say(stream, "354 go", "");
                }
                "QUIT" => {
                    self.say(stream, "221 bye", "");
                    return false;
                }
                _ => self.say(stream, "250 ok", ""),
            }
        }
        false
    }
}

/// Byte by byte, so that nothing is read that belongs to the encryption that begins after a line.
fn read_line(stream: &mut impl Read) -> Option<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte).ok()? == 1 {
        if byte[0] == b'\n' {
            return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        line.push(byte[0]);
    }
    None
}
