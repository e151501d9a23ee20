//! Mail over encryption, against a server with a certificate of its own: the password is told only to one that proves who
//! it is.

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use daily_ops::notify::Channel;
use daily_ops::notify::Messenger;
use daily_ops::notify::Sent;
use daily_ops::settings::SmtpTls;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::EcGroup;
use openssl::ec::EcKey;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::pkey::Private;
use openssl::ssl::SslAcceptor;
use openssl::ssl::SslMethod;
use openssl::x509::X509;
use openssl::x509::X509Builder;
use openssl::x509::X509Name;
use openssl::x509::extension::BasicConstraints;
use openssl::x509::extension::SubjectAlternativeName;

use crate::HELLO;
use crate::LONG;
use crate::failure;
use crate::fake::Fake;
use crate::fake::Smtp;
use crate::messenger;

/// A certificate and its key.
struct Owner {
    certificate: X509,
    key: PKey<Private>,
}

fn name(text: &str) -> X509Name {
    let mut name = X509Name::builder().expect("a name");
    name.append_entry_by_text("CN", text).expect("an entry");
    name.build()
}

fn begun(subject: &str, issuer: &str, serial: u32) -> (X509Builder, PKey<Private>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
    let key = PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key");
    let mut made = X509::builder().expect("a builder");
    made.set_version(2).expect("set");
    let serial = BigNum::from_u32(serial).and_then(|number| number.to_asn1_integer()).expect("a number");
    made.set_serial_number(&serial).expect("set");
    made.set_subject_name(&name(subject)).expect("set");
    made.set_issuer_name(&name(issuer)).expect("set");
    made.set_pubkey(&key).expect("set");
    made.set_not_before(&Asn1Time::from_unix(0).expect("a time")).expect("set");
    made.set_not_after(&Asn1Time::days_from_now(2).expect("a time")).expect("set");
    (made, key)
}

/// A certificate authority of one test.
fn authority() -> Owner {
    let (mut made, key) = begun("test authority", "test authority", 1);
    made.append_extension(BasicConstraints::new().critical().ca().build().expect("an extension")).expect("set");
    made.sign(&key, MessageDigest::sha256()).expect("signed");
    Owner { certificate: made.build(), key }
}

/// A server's certificate by an authority.
fn server(authority: &Owner, names: &SubjectAlternativeName) -> Owner {
    let (mut made, key) = begun("test server", "test authority", 2);
    let context = made.x509v3_context(Some(&authority.certificate), None);
    let names = names.build(&context).expect("an extension");
    made.append_extension(names).expect("set");
    made.sign(&authority.key, MessageDigest::sha256()).expect("signed");
    Owner { certificate: made.build(), key }
}

/// A mail server that speaks encrypted from the start, or after STARTTLS.
fn serve(owner: &Owner, tls: SmtpTls) -> Fake {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).expect("a context");
    acceptor.set_private_key(&owner.key).expect("set");
    acceptor.set_certificate(&owner.certificate).expect("set");
    let acceptor = Arc::new(acceptor.build());
    let inside = Smtp::GOOD;
    let outside = Smtp { extensions: &["STARTTLS", "8BITMIME"], ..inside };
    Fake::start(move |stream, seen| {
        if tls == SmtpTls::Starttls && !outside.serve(stream, seen) {
            return;
        }
        let Ok(mut secure) = acceptor.accept(stream.try_clone().expect("cloned")) else { return };
        seen.lock().expect("sound").push("ENCRYPTED".to_owned());
        let _ended = if tls == SmtpTls::Tls { inside.serve(&mut secure, seen) } else { inside.talk(&mut secure, seen) };
        secure.shutdown().ok();
    })
}

fn to(fake: &Fake, tls: SmtpTls, ca_file: Option<&Path>) -> Messenger {
    let mut messenger = messenger("http://127.0.0.1:1", fake.address.port(), LONG, &[]);
    messenger.settings.smtp_tls = tls;
    messenger.settings.smtp_ca_file = ca_file.map(Path::to_owned).into_iter().collect();
    messenger
}

fn file(dir: &Path, owner: &Owner) -> PathBuf {
    let path = dir.join("ca.pem");
    let mut file = std::fs::File::create(&path).expect("made");
    file.write_all(&owner.certificate.to_pem().expect("PEM")).expect("written");
    path
}

fn this_machine() -> SubjectAlternativeName {
    let mut names = SubjectAlternativeName::new();
    names.ip("127.0.0.1");
    names
}

const BOTH: [SmtpTls; 2] = [SmtpTls::Starttls, SmtpTls::Tls];

/// Neither the password nor who the mail is from or for was said.
fn nothing_was_told(fake: &Fake) {
    let seen = fake.seen();
    let is_told = |line: &String| ["AUTH", "MAIL", "RCPT", "DATA"].iter().any(|word| line.starts_with(word));
    assert!(!seen.iter().any(is_told), "{seen:?}");
}

#[test]
fn a_server_that_proves_who_it_is_gets_the_mail_encrypted() {
    let (dir, authority) = (tempfile::tempdir().expect("a directory"), authority());
    let trusted = file(dir.path(), &authority);
    for tls in BOTH {
        let fake = serve(&server(&authority, &this_machine()), tls);
        let sent = to(&fake, tls, Some(&trusted)).send(Channel::Email, HELLO);
        assert_eq!(sent, Sent::Delivered { http_status: None }, "{tls:?}");
        let seen = fake.seen();
        let at = |start: &str| seen.iter().position(|line| line.starts_with(start));
        assert!(at("ENCRYPTED").is_some() && at("ENCRYPTED") < at("AUTH "), "{tls:?}: {seen:?}");
        assert!(at("AUTH ") < at("MAIL FROM:<ops@example.com>"), "{tls:?}: {seen:?}");
    }
}

#[test]
fn a_server_that_nobody_vouches_for_gets_nothing() {
    let (dir, own, other) = (tempfile::tempdir().expect("a directory"), authority(), authority());
    let of_another = file(dir.path(), &other);
    for tls in BOTH {
        for trusted in [None, Some(of_another.as_path())] {
            let fake = serve(&server(&own, &this_machine()), tls);
            let sent = to(&fake, tls, trusted).send(Channel::Email, HELLO);
            assert_eq!(failure("untrusted", &sent), (None, "CONNECT", None), "{tls:?} {trusted:?}");
            nothing_was_told(&fake);
        }
    }
}

#[test]
fn a_server_with_the_certificate_of_another_host_gets_nothing() {
    let (dir, authority) = (tempfile::tempdir().expect("a directory"), authority());
    let trusted = file(dir.path(), &authority);
    let mut elsewhere = SubjectAlternativeName::new();
    elsewhere.dns("mail.example.com").ip("127.0.0.2");
    for tls in BOTH {
        let fake = serve(&server(&authority, &elsewhere), tls);
        let sent = to(&fake, tls, Some(&trusted)).send(Channel::Email, HELLO);
        assert_eq!(failure("wrong host", &sent), (None, "CONNECT", None), "{tls:?}");
        nothing_was_told(&fake);
    }
}

#[test]
fn a_file_of_certificates_that_cannot_be_used_stops_the_mail() {
    let dir = tempfile::tempdir().expect("a directory");
    let empty = dir.path().join("empty.pem");
    std::fs::File::create(&empty).expect("made");
    let damaged = dir.path().join("damaged.pem");
    let text = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::File::create(&damaged).expect("made").write_all(text).expect("written");
    for path in [dir.path().join("missing.pem"), dir.path().to_owned(), empty, damaged] {
        let fake = serve(&server(&authority(), &this_machine()), SmtpTls::Tls);
        let sent = to(&fake, SmtpTls::Tls, Some(&path)).send(Channel::Email, HELLO);
        assert_eq!(failure("certificates", &sent), (None, "BAD_ADDRESS", None), "{}", path.display());
        assert_eq!(fake.seen(), Vec::<String>::new());
    }
}
