//! A workspace, two vendors and a clock that stands still.

use std::time::Duration;

use daily_ops::contracts::Document as _;
use daily_ops::contracts::PriceMeta;
use daily_ops::pc::collect::CollectFault;
use daily_ops::pc::collect::CollectReport;
use daily_ops::pc::collect::Mode;
use daily_ops::pc::collect::TickerReport;
use daily_ops::pc::collect::Tools;
use daily_ops::pc::collect::Wanted;
use daily_ops::pc::collect::collect;
use daily_ops::pc::collect::generate;
use daily_ops::pc::prices::read_file;
use daily_ops::pc::vendors::Client;
use daily_ops::pc::vendors::Naver;
use daily_ops::pc::vendors::Yahoo;
use daily_ops::store::Store;
use daily_ops::time::Calendar;
use daily_ops::time::Clock as _;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use daily_ops::time::TradingDate;
use daily_ops::trading::Bars;

use crate::fake::Day;
use crate::fake::Fake;

/// Friday 2026-11-20 after the session.
pub(crate) const EVENING: &str = "2026-11-20T18:30:00+09:00";
/// The Monday after, before the open.
pub(crate) const MONDAY: &str = "2026-11-23T08:00:00+09:00";

pub(crate) struct Place {
    /// Removed at the end.
    _dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) clock: SimClock,
    pub(crate) naver: Fake,
    pub(crate) yahoo: Fake,
    pub(crate) limit: Duration,
}

pub(crate) fn day(text: &str) -> TradingDate {
    text.parse().expect("a day")
}

/// The sessions of a span with closes that grow by 100 won.
pub(crate) fn days(from: &str, to: &str) -> Vec<Day> {
    let sessions = day(from).iter_days().take_while(|date| *date <= day(to));
    let sessions = sessions.filter(|date| Calendar::krx().session(*date).expect("covered").is_some());
    sessions.zip(0..).map(|(date, number)| (date, 50_000.0 + f64::from(number) * 100.0)).collect()
}

/// The same days with every close times a factor, in whole won.
pub(crate) fn times(days: &[Day], factor: f64) -> Vec<Day> {
    days.iter().map(|(date, close)| (*date, (close * factor).round())).collect()
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::at(EVENING)
    }

    pub(crate) fn at(now: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self {
            store: Store::new(dir.path()),
            _dir: dir,
            clock: SimClock::at(time(now)),
            naver: Fake::new(),
            yahoo: Fake::new(),
            limit: Duration::from_secs(20),
        }
    }

    /// Moves the clock.
    pub(crate) fn later(&self, now: &str) -> &Self {
        self.clock.jump_to(time(now));
        self
    }

    pub(crate) fn naver_client(&self) -> Naver {
        Naver::new(Client::new(&self.naver.url(), self.limit, Duration::ZERO))
    }

    pub(crate) fn yahoo_client(&self) -> Yahoo {
        Yahoo::new(Client::new(&self.yahoo.url(), self.limit, Duration::ZERO))
    }

    pub(crate) fn try_collect(&self, tickers: &[&str], from: &str, mode: Mode) -> Result<CollectReport, CollectFault> {
        let (naver, yahoo) = (self.naver_client(), self.yahoo_client());
        collect(&wanted(tickers, from, mode), self.tools(&naver, &yahoo), &mut |_| ())
    }

    pub(crate) fn collect(&self, tickers: &[&str]) -> CollectReport {
        self.try_collect(tickers, "2026-10-01", Mode::Fetch).expect("collected")
    }

    pub(crate) fn one(&self, ticker: &str) -> TickerReport {
        self.collect(&[ticker]).tickers.into_iter().next().expect("a row")
    }

    pub(crate) fn generate(&self, tickers: &[&str], mode: Mode, seed: u64) -> Result<CollectReport, CollectFault> {
        let (naver, yahoo) = (self.naver_client(), self.yahoo_client());
        generate(&wanted(tickers, "2026-10-01", mode), seed, self.tools(&naver, &yahoo))
    }

    fn tools<'a>(&'a self, naver: &'a Naver, yahoo: &'a Yahoo) -> Tools<'a> {
        Tools { store: &self.store, clock: &self.clock, calendar: Calendar::krx(), vendors: [naver, yahoo] }
    }

    pub(crate) fn bars(&self, ticker: &str) -> Bars {
        read_file(&self.store.path(&format!("data/cache/{ticker}.parquet"))).expect("a file").bars
    }

    pub(crate) fn meta(&self, ticker: &str) -> PriceMeta {
        let bytes = self.store.read(&format!("data/cache/{ticker}.meta.json")).expect("readable").expect("a file");
        PriceMeta::parse(&bytes).expect("a document")
    }

    pub(crate) fn bytes(&self, ticker: &str) -> Vec<u8> {
        self.store.read(&format!("data/cache/{ticker}.parquet")).expect("readable").expect("a file")
    }

    pub(crate) fn now(&self) -> Stamp {
        Stamp::of(self.clock.now())
    }
}

fn wanted(tickers: &[&str], from: &str, mode: Mode) -> Wanted {
    Wanted { tickers: tickers.iter().map(|ticker| (*ticker).to_owned()).collect(), from: day(from), mode }
}

fn time(text: &str) -> daily_ops::time::KstTime {
    Stamp::from(text).instant().expect("a time")
}
