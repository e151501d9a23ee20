//! Prices during a session, and how a vendor is asked for them: the same for research PC and host.
//!
//! The one part of `trading` that speaks to the network. Nothing that it returns is stored as a bar.

mod client;
mod realtime;

pub use client::Client;
pub use client::Header;
pub use client::VendorFault;
pub use realtime::Quote;
pub use realtime::Realtime;

/// What a browser sends; without it Naver answers with an empty list or a page.
pub const NAVER_HEADERS: &[Header] = &[
    (
        "User-Agent",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    ),
    ("Referer", "https://finance.naver.com"),
];

/// Whether a text can be a ticker: six digits or capital letters of the exchange, or `^` and the name of an index. It
/// becomes part of an address and of a file's name, so nothing else may pass.
#[must_use]
pub fn is_ticker(text: &str) -> bool {
    let plain = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    match text.strip_prefix('^') {
        Some(index) => (1..=10).contains(&index.len()) && plain(index),
        None => text.len() == 6 && plain(text),
    }
}
