//! Mail by SMTP: encrypted before the password is said, to the addresses of `EMAIL_TO`.
//!
//! The library limits each step, not the whole; so it works on a thread of its own and is waited for at most the limit.
//! What the server says may repeat what it was told: only its code is passed on.

use std::sync::mpsc;
use std::time::Duration;

use lettre::Message;
use lettre::SmtpTransport;
use lettre::Transport as _;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::Tls;
use lettre::transport::smtp::client::TlsParameters;

use super::Outgoing;
use super::Sent;
use super::web;
use crate::settings::SmtpTls;

/// How the mail server is reached.
#[derive(Debug)]
pub(super) struct MailServer<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) tls: SmtpTls,
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
        TlsParameters::new(server.host.to_owned())
            .map_err(|_why| Sent::failed("CONNECT", "encryption could not be prepared"))
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
        None if fault.is_tls() => ("CONNECT", "the mail server does not prove who it is (TLS)".to_owned()),
        None if fault.is_client() => {
            ("REJECTED", "the mail server cannot do what is required of it, encryption or a way to log in".to_owned())
        }
        None if fault.is_response() => {
            ("RESPONSE_INVALID", "the mail server's answer is none; whether it was delivered is unknown".to_owned())
        }
        None => ("CONNECT", "the connection to the mail server failed; whether it was delivered is unknown".to_owned()),
    };
    Sent::Failed { http_status: None, class, message, retry_after: None }
}
