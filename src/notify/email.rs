//! Mail by SMTP: encrypted before the password is said, to the addresses of `EMAIL_TO`.
//!
//! The library limits each step, not the whole; so it works on a thread of its own and is waited for at most the limit.
//! What the server says may repeat what it was told: only its code is passed on.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use lettre::Message;
use lettre::SmtpTransport;
use lettre::Transport as _;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::Certificate;
use lettre::transport::smtp::client::Tls;
use lettre::transport::smtp::client::TlsParameters;

use super::Outgoing;
use super::Sent;
use super::web;
use crate::settings::SmtpTls;

/// The end of a certificate in PEM form.
const PEM_END: &str = "-----END CERTIFICATE-----";
/// A file of certificates is never larger.
const LARGEST_CA: u64 = 1 << 20;

/// Said when there is no connection over which something may be told.
const UNPROVED: &str = "no connection to the mail server was made, or it does not prove who it is (TLS)";

/// How the mail server is reached.
#[derive(Debug)]
pub(super) struct MailServer<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) tls: SmtpTls,
    /// Certificates that are trusted beside those of the system.
    pub(super) ca_files: &'a [PathBuf],
    pub(super) user: &'a str,
    pub(super) password: &'a str,
}

pub(super) fn send(server: &MailServer<'_>, to: &str, message: Outgoing<'_>, limit: Duration) -> Sent {
    let mail = match mail(server.user, to, message) {
        Ok(mail) => mail,
        Err(why) => return Sent::failed("BAD_SECRET", why),
    };
    let transport = match transport(server, limit) {
        Ok(transport) => transport,
        Err(failed) => return failed,
    };
    let (said, heard) = mpsc::channel();
    let worker = std::thread::Builder::new().name("mail".to_owned()).spawn(move || {
        // Nobody listens any more when the limit is over.
        said.send(transport.send(&mail).map(drop)).ok();
    });
    if worker.is_err() {
        return Sent::failed("CONNECT", "no thread for the mail could be started");
    }
    match heard.recv_timeout(limit) {
        Ok(Ok(())) => Sent::Delivered { http_status: None },
        Ok(Err(fault)) => told(&fault, limit),
        Err(mpsc::RecvTimeoutError::Timeout) => web::timeout(limit),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            Sent::failed("RESPONSE_INVALID", "the mail was not finished; whether it was delivered is unknown")
        }
    }
}

fn mail(from: &str, to: &str, message: Outgoing<'_>) -> Result<Message, &'static str> {
    let from: Mailbox = from.trim().parse().map_err(|_why| "SMTP_USER is no mail address")?;
    // A control character in the subject could end its line and start another header.
    let subject: String = message.title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut mail = Message::builder().from(from).subject(subject);
    let mut count = 0;
    for one in to.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        mail = mail.to(one.parse().map_err(|_why| "EMAIL_TO holds something that is no mail address")?);
        count += 1;
    }
    if count == 0 {
        return Err("EMAIL_TO holds no mail address");
    }
    let mail = mail.header(ContentType::TEXT_PLAIN).body(message.text.to_owned());
    mail.map_err(|_why| "the mail could not be put together")
}

fn transport(server: &MailServer<'_>, limit: Duration) -> Result<SmtpTransport, Sent> {
    if server.host.is_empty() || server.host.contains(|c: char| c.is_whitespace() || c == '/' || c == '@') {
        return Err(Sent::failed("BAD_SECRET", "SMTP_HOST is no name of a host"));
    }
    let parameters = || {
        let mut builder = TlsParameters::builder(server.host.to_owned());
        for file in server.ca_files {
            for certificate in certificates(file).map_err(|why| Sent::failed("BAD_ADDRESS", why))? {
                builder = builder.add_root_certificate(certificate);
            }
        }
        builder.build().map_err(|_why| Sent::failed("CONNECT", "encryption could not be prepared"))
    };
    let tls = match server.tls {
        SmtpTls::Starttls => Tls::Required(parameters()?),
        SmtpTls::Tls => Tls::Wrapper(parameters()?),
        SmtpTls::None if web::is_this_machine(server.host) => Tls::None,
        SmtpTls::None => {
            return Err(Sent::failed("BAD_ADDRESS", "push.smtp_tls may only be none for a server on this machine"));
        }
    };
    let credentials = Credentials::new(server.user.to_owned(), server.password.to_owned());
    // "Dangerous" in the library's words, because the encryption is chosen here: it is required in every other case.
    let builder = SmtpTransport::builder_dangerous(server.host).port(server.port).tls(tls);
    Ok(builder.credentials(credentials).timeout(Some(limit)).build())
}

/// The certificates of a PEM file. One that cannot be used is no reason to trust less silently: nothing is sent then.
fn certificates(file: &Path) -> Result<Vec<Certificate>, &'static str> {
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(LARGEST_CA).read_to_string(&mut text));
    read.map_err(|_why| "push.smtp_ca_file cannot be read")?;
    let blocks = text.split_inclusive(PEM_END).filter(|block| block.contains(PEM_END));
    let parsed: Result<Vec<_>, _> = blocks.map(|block| Certificate::from_pem(block.as_bytes())).collect();
    match parsed {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err("push.smtp_ca_file holds no certificate in PEM form, or one that is damaged"),
    }
}

/// A connection that was never made, or one that broke: then the mail may have arrived.
fn broken(fault: &lettre::transport::smtp::Error, limit: Duration) -> Sent {
    // The library tells the two apart in its text alone. A new wording would make every failure an unknown end.
    if fault.to_string().starts_with("Connection error") {
        return Sent::failed("CONNECT", UNPROVED);
    }
    let mut source = std::error::Error::source(fault);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return web::of_io(io, limit);
        }
        source = inner.source();
    }
    Sent::failed("RESPONSE_INVALID", "the connection to the mail server broke; whether it was delivered is unknown")
}

fn told(fault: &lettre::transport::smtp::Error, limit: Duration) -> Sent {
    let code = fault.status().map(u16::from);
    if fault.is_timeout() {
        return web::timeout(limit);
    }
    let (class, message) = match code {
        Some(code @ (530 | 534 | 535 | 538)) => {
            ("UNAUTHORIZED", format!("the mail server does not take user and password (code {code})"))
        }
        Some(code) if fault.is_transient() => ("SERVER_ERROR", format!("the mail server failed (code {code})")),
        Some(code) => ("REJECTED", format!("the mail server refused the mail (code {code})")),
        None if fault.is_tls() => ("CONNECT", UNPROVED.to_owned()),
        None if fault.is_client() => {
            ("REJECTED", "the mail server cannot do what is required of it, encryption or a way to log in".to_owned())
        }
        None if fault.is_response() => {
            ("RESPONSE_INVALID", "the mail server's answer is none; whether it was delivered is unknown".to_owned())
        }
        None => return broken(fault, limit),
    };
    Sent::Failed { http_status: None, class, message, retry_after: None }
}
