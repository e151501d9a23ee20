//! A vendor that does as it is told: it holds bars of tickers, answers in the real formats, and can misbehave.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::io::Write as _;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use daily_ops::time::TradingDate;
use serde_json::Value;
use serde_json::json;

/// How a request is answered that is not answered properly.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// This status.
    Status(u16),
    /// Nothing comes until the test ends.
    Hang,
    /// A promise of more bytes than come.
    Cut,
    /// The connection ends after the request.
    Close,
    /// A page.
    Page,
    /// A body of nothing.
    Empty,
    /// A small packed body that unpacks to more than the cap.
    Bomb,
    /// A packed body that breaks off.
    CutPacked,
    /// A redirect to a place that has the data.
    Redirect,
}

/// A day's close; the other prices follow from it.
pub(crate) type Day = (TradingDate, f64);

#[derive(Default)]
struct State {
    bars: BTreeMap<String, Vec<Day>>,
    /// Part of a target, how often (`None`: always), what happens.
    troubles: Vec<(String, Option<usize>, Trouble)>,
    /// Dividend factor that Yahoo's adjusted close has.
    factor: f64,
    packed: bool,
    heads: Vec<String>,
    ended: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Fake {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Fake {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let fake = Self { address: listener.local_addr().expect("an address"), shared: Arc::default() };
        fake.shared.state().factor = 1.0;
        let shared = Arc::clone(&fake.shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.state().ended {
                    return;
                }
                let (Ok(stream), shared) = (stream, Arc::clone(&shared)) else { continue };
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        fake
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the vendor knows of a symbol.
    pub(crate) fn holds(&self, symbol: &str, days: &[Day]) -> &Self {
        self.shared.state().bars.insert(symbol.to_owned(), days.to_vec());
        self
    }

    pub(crate) fn forgets(&self, symbol: &str) -> &Self {
        self.shared.state().bars.remove(symbol);
        self
    }

    /// Misbehaves on requests whose target has `part`, `times` times.
    pub(crate) fn troubles(&self, part: &str, times: usize, trouble: Trouble) -> &Self {
        self.shared.state().troubles.push((part.to_owned(), Some(times), trouble));
        self
    }

    /// Misbehaves on every request whose target has `part`.
    pub(crate) fn always(&self, part: &str, trouble: Trouble) -> &Self {
        self.shared.state().troubles.push((part.to_owned(), None, trouble));
        self
    }

    pub(crate) fn recovers(&self) -> &Self {
        self.shared.state().troubles.clear();
        self
    }

    pub(crate) fn adjusts_by(&self, factor: f64) -> &Self {
        self.shared.state().factor = factor;
        self
    }

    pub(crate) fn packs(&self) -> &Self {
        self.shared.state().packed = true;
        self
    }

    /// The targets asked for so far.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.heads().iter().map(|head| head.split(' ').nth(1).unwrap_or_default().to_owned()).collect()
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.shared.state().heads.clone()
    }

    pub(crate) fn asked(&self, part: &str) -> usize {
        self.targets().iter().filter(|target| target.contains(part)).count()
    }

    pub(crate) fn forget_requests(&self) {
        self.shared.state().heads.clear();
    }

    /// Waits until something has been asked for.
    pub(crate) fn await_request(&self) {
        let state = self.shared.state();
        let silent = |state: &mut State| state.heads.is_empty();
        let (state, late) =
            self.shared.changed.wait_timeout_while(state, Duration::from_secs(30), silent).expect("lock");
        drop(state);
        assert!(!late.timed_out(), "nothing was asked for");
    }

    /// Lets the requests that hang end.
    pub(crate) fn release(&self) {
        self.shared.state().ended = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.release();
        // Wakes the accepting thread; when that fails the thread ends with the process.
        TcpStream::connect(self.address).ok();
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    // A kept connection carries several requests.
    while let Some(head) = read_head(&mut stream) {
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let (reply, packed) = {
            let mut state = shared.state();
            state.heads.push(head);
            (choose(&mut state, &target), state.packed)
        };
        shared.changed.notify_all();
        // A client that has gone away is no concern of a vendor.
        if answer(&mut stream, reply, packed, shared).is_err() {
            return;
        }
    }
}

enum Reply {
    Data(u16, String),
    Trouble(Trouble),
}

fn choose(state: &mut State, target: &str) -> Reply {
    for (part, times, trouble) in &mut state.troubles {
        if target.contains(part.as_str()) && *times != Some(0) {
            *times = times.map(|times| times - 1);
            return Reply::Trouble(trouble.clone());
        }
    }
    if target.starts_with("/siseJson.naver?") {
        return Reply::Data(200, naver(state, target));
    }
    if let Some(rest) = target.strip_prefix("/v8/finance/chart/") {
        return yahoo(state, rest);
    }
    if let Some(list) = target.strip_prefix("/api/realtime?query=") {
        return Reply::Data(200, realtime(state, list));
    }
    Reply::Data(404, "{}".to_owned())
}

fn query<'a>(target: &'a str, key: &str) -> Option<&'a str> {
    target.split(['?', '&']).find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}

/// Open, high, low and volume around a close.
fn around(close: f64) -> [f64; 4] {
    [close - 50.0, close + 150.0, close - 100.0, close * 3.0]
}

fn naver(state: &State, target: &str) -> String {
    let day = |key| TradingDate::parse_from_str(query(target, key).unwrap_or_default(), "%Y%m%d").expect("a day");
    let (from, to) = (day("startTime"), day("endTime"));
    let mut text = "\n [['날짜', '시가', '고가', '저가', '종가', '거래량', '외국인소진율'],\n\n\t\t".to_owned();
    let days = state.bars.get(query(target, "symbol").unwrap_or_default()).cloned().unwrap_or_default();
    for (date, close) in days.iter().filter(|(date, _)| from <= *date && *date <= to) {
        let [open, high, low, volume] = around(*close);
        let date = date.format("%Y%m%d");
        text.push_str(&format!("[\"{date}\", {open}, {high}, {low}, {close}, {volume}, 28.04],\n\n\t\t"));
    }
    text + "]\n"
}

fn yahoo(state: &State, rest: &str) -> Reply {
    let symbol = rest.split('?').next().unwrap_or_default().replace("%5E", "^");
    let Some(days) = state.bars.get(&symbol) else {
        let error = json!({"code": "Not Found", "description": "No data found, symbol may be delisted"});
        return Reply::Data(404, json!({"chart": {"result": null, "error": error}}).to_string());
    };
    let second = |date: TradingDate| date.and_hms_opt(0, 0, 0).expect("midnight").and_utc().timestamp();
    let bound = |key| query(rest, key).map(|text| text.parse::<i64>().expect("a second"));
    let (from, to) = (bound("period1").unwrap_or(i64::MIN), bound("period2").unwrap_or(i64::MAX));
    let days: Vec<Day> = days.iter().copied().filter(|(d, _)| from <= second(*d) && second(*d) < to).collect();
    let column = |pick: fn(f64) -> f64| -> Vec<f64> { days.iter().map(|(_, close)| pick(*close)).collect() };
    let adjusted: Vec<f64> = days.iter().map(|(_, close)| close * state.factor).collect();
    let series: Value = json!({
        "meta": {"symbol": symbol, "currency": "KRW", "regularMarketPrice": 1.0},
        "timestamp": days.iter().map(|(date, _)| second(*date)).collect::<Vec<_>>(),
        "indicators": {
            "quote": [{"open": column(|c| around(c)[0]), "high": column(|c| around(c)[1]),
                "low": column(|c| around(c)[2]), "close": column(|c| c), "volume": column(|c| around(c)[3])}],
            "adjclose": [{"adjclose": adjusted}],
        },
    });
    Reply::Data(200, json!({"chart": {"result": [series], "error": null}}).to_string())
}

fn realtime(state: &State, list: &str) -> String {
    let codes = list.split(',').filter_map(|item| item.strip_prefix("SERVICE_ITEM:"));
    let rows: Vec<Value> = codes
        .filter_map(|code| {
            let (_, close) = state.bars.get(code)?.last()?;
            Some(json!({"cd": code, "nm": "이름", "nv": close, "cv": 150, "cr": 0.5, "rf": "2", "aq": 1000,
                "aa": 72_500_000, "nav": close}))
        })
        .collect();
    json!({"resultCode": "success", "result": {"areas": [{"name": "SERVICE_ITEM", "datas": rows}]}}).to_string()
}

/// Packs as gzip with stored blocks: the form is real, only nothing gets smaller.
fn gzip(body: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut blocks = body.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).expect("a block");
        packed.push(u8::from(blocks.peek().is_none()));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(block);
    }
    packed.extend(crc32(body).to_le_bytes());
    packed.extend(u32::try_from(body.len()).expect("small").to_le_bytes());
    packed
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

fn answer(stream: &mut TcpStream, reply: Reply, packed: bool, shared: &Shared) -> std::io::Result<()> {
    let trouble = match reply {
        Reply::Data(status, body) if packed => {
            return send(stream, status, "content-encoding: gzip\r\n", &gzip(body.as_bytes()));
        }
        Reply::Data(status, body) => return send(stream, status, "", body.as_bytes()),
        Reply::Trouble(trouble) => trouble,
    };
    match trouble {
        Trouble::Status(status) => return send(stream, status, "", b"{}"),
        Trouble::Page => {
            let page = format!("<!DOCTYPE html><html><body>{}</body></html>", "x".repeat(300));
            return send(stream, 200, "", page.as_bytes());
        }
        Trouble::Empty => return send(stream, 200, "", b""),
        Trouble::Redirect => return send(stream, 302, "location: /elsewhere\r\n", b""),
        Trouble::Bomb => return send(stream, 200, "content-encoding: gzip\r\n", &gzip(&vec![b' '; 9 << 20])),
        Trouble::CutPacked => {
            let whole = gzip(&[b'['; 5000]);
            return send(stream, 200, "content-encoding: gzip\r\n", &whole[..2000]);
        }
        Trouble::Cut => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n [['")?;
        }
        Trouble::Hang => {
            let state = shared.state();
            drop(shared.changed.wait_while(state, |state| !state.ended));
        }
        Trouble::Close => {}
    }
    stream.shutdown(Shutdown::Both)?;
    Err(std::io::ErrorKind::ConnectionAborted.into())
}

fn send(stream: &mut TcpStream, status: u16, more: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{more}\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}
