//! A vendor of prices that speaks the real form and says what the test scripts, and the host's view of it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use daily_ops::ops::MarketQuote;
use daily_ops::ops::QuoteFault;
use daily_ops::ops::QuoteSource;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use daily_ops::trading::quotes::Client;
use daily_ops::trading::quotes::Quote;
use daily_ops::trading::quotes::Realtime;
use daily_ops::trading::quotes::VendorFault;
use serde_json::json;

/// What is answered to every question.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    Prices,
    Status(u16),
    Body(&'static str),
    Panic,
}

#[derive(Debug)]
struct Script {
    /// Price and change since the last close, in won.
    prices: BTreeMap<String, (i64, i64)>,
    mood: Mood,
    asked: usize,
    ended: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Vendor {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl Vendor {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let script = Script { prices: BTreeMap::new(), mood: Mood::Prices, asked: 0, ended: false };
        let vendor = Self { address: listener.local_addr().expect("an address"), script: Arc::new(Mutex::new(script)) };
        let script = Arc::clone(&vendor.script);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if locked(&script).ended {
                    return;
                }
                let script = Arc::clone(&script);
                std::thread::spawn(move || serve(stream, &script));
            }
        });
        vendor
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The price of a code and how far it is from the last close.
    pub(crate) fn says(&self, code: &str, price: i64, change: i64) {
        locked(&self.script).prices.insert(code.to_owned(), (price, change));
    }

    pub(crate) fn forgets(&self, code: &str) {
        locked(&self.script).prices.remove(code);
    }

    pub(crate) fn is(&self, mood: Mood) {
        locked(&self.script).mood = mood;
    }

    pub(crate) fn asked(&self) -> usize {
        locked(&self.script).asked
    }

    /// The source as the host would build it.
    pub(crate) fn source(&self) -> Arc<dyn QuoteSource> {
        let client = Client::new(&self.url(), Duration::from_secs(5), Duration::ZERO);
        Arc::new(Source(Realtime::new(client), self.clone()))
    }

    pub(crate) fn end(&self) {
        locked(&self.script).ended = true;
        // Wakes the accepting thread; when that fails it ends with the process.
        TcpStream::connect(self.address).ok();
    }
}

fn locked(script: &Mutex<Script>) -> std::sync::MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Source(Realtime, Vendor);

impl QuoteSource for Source {
    fn quotes(&self, symbols: &[String]) -> Result<Vec<MarketQuote>, QuoteFault> {
        assert!(!matches!(locked(&self.1.script).mood, Mood::Panic), "the vendor's reader panics");
        let clock = SimClock::at(Stamp::from("2026-11-20T10:00:00+09:00").instant().expect("a time"));
        let found = self.0.quotes(symbols, &clock).map_err(|fault| match fault {
            VendorFault::Status(code) => QuoteFault::Status(code),
            VendorFault::Unreadable(why) => QuoteFault::Invalid(why),
            VendorFault::Timeout(_)
            | VendorFault::Network(_)
            | VendorFault::Truncated(_)
            | VendorFault::Holes(_)
            | VendorFault::Cut(_)
            | VendorFault::Empty => QuoteFault::Unreachable(fault.to_string()),
        })?;
        let quote = |quote: Quote| {
            let (price, change_bp) = (quote.won()?, quote.change_bp());
            Some(MarketQuote { symbol: quote.ticker, name: quote.name, price, change_bp })
        };
        Ok(found.into_iter().filter_map(quote).collect())
    }
}

fn serve(mut stream: TcpStream, script: &Mutex<Script>) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    let mut head = Vec::new();
    let mut byte = [0];
    while let Ok(1) = stream.read(&mut byte) {
        head.push(byte[0]);
        if head.ends_with(b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&head).into_owned();
            let (status, body) = answer(script, text.split(' ').nth(1).unwrap_or_default());
            let reply = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            if stream.write_all(reply.as_bytes()).is_err() {
                return;
            }
            head.clear();
        }
    }
}

fn answer(script: &Mutex<Script>, target: &str) -> (u16, String) {
    let mut script = locked(script);
    script.asked += 1;
    match script.mood {
        Mood::Status(status) => return (status, "{}".to_owned()),
        Mood::Body(body) => return (200, body.to_owned()),
        Mood::Prices | Mood::Panic => {}
    }
    let codes = target.trim_start_matches("/api/realtime?query=").split(',');
    let rows: Vec<_> = codes
        .filter_map(|item| {
            let code = item.strip_prefix("SERVICE_ITEM:")?;
            let (price, change) = script.prices.get(code)?;
            let close = (price - change).max(1);
            // The vendor leaves the sign to `rf` and rounds the percent.
            let percent = (change.abs() * 10_000 / close) as f64 / 100.0;
            let rf = if *change < 0 { "5" } else { "2" };
            Some(json!({"cd": code, "nm": "이름", "nv": price, "cv": change.abs(), "cr": percent, "rf": rf}))
        })
        .collect();
    (200, json!({"resultCode": "success", "result": {"areas": [{"name": "SERVICE_ITEM", "datas": rows}]}}).to_string())
}
