//! A workspace, a market that trends through noise, and runs on it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use daily_ops::contracts::strategy_params::default_params;
use daily_ops::contracts::tune::TuneSource;
use daily_ops::pc::backtest::Market;
use daily_ops::pc::backtest::simulate;
use daily_ops::pc::params;
use daily_ops::pc::tune;
use daily_ops::pc::tune::End;
use daily_ops::pc::tune::Finished;
use daily_ops::pc::tune::Site;
use daily_ops::pc::tune::TuneFault;
use daily_ops::pc::tune::config::CostConfig;
use daily_ops::pc::tune::config::FileFacts;
use daily_ops::pc::tune::config::TuneConfig;
use daily_ops::pc::tune::config::TuneData;
use daily_ops::pc::tune::guard::Preset;
use daily_ops::pc::tune::input::fee_table_sha256;
use daily_ops::pc::tune::lab::Simulate;
use daily_ops::pc::tune::objective::Combine;
use daily_ops::pc::tune::sampler::SplitMix64;
use daily_ops::pc::tune::space::Space;
use daily_ops::store::Store;
use daily_ops::store::WriteObserver;
use daily_ops::store::layout;
use daily_ops::time::Calendar;
use daily_ops::time::SimClock;
use daily_ops::time::Stamp;
use daily_ops::time::TradingDate;
use daily_ops::trading::Bars;
use daily_ops::trading::FeeTable;

pub(crate) const RUN: &str = "tune_20260105_190000_00002a";
pub(crate) const TICKERS: [&str; 4] = ["069500", "229200", "114800", "122630"];

pub(crate) fn day(text: &str) -> TradingDate {
    text.parse().expect("a date")
}

/// Bars that climb steadily through noise that does not add up: every window of months earns about the same.
pub(crate) fn market(drift: f64) -> Market {
    let mut random = SplitMix64::new(7);
    let mut noise = move || {
        let number = u32::try_from(random.below(1 << 20)).expect("twenty bits");
        f64::from(number) / f64::from(1_u32 << 20) - 0.5
    };
    let sessions: Vec<TradingDate> = day("2021-07-01")
        .iter_days()
        .take_while(|date| *date <= day("2025-12-30"))
        .filter(|date| matches!(Calendar::krx().session(*date), Ok(Some(_))))
        .collect();
    let mut market = Market::new();
    for ticker in TICKERS {
        let mut bars = Bars::default();
        let mut level = 20_000.0_f64;
        for date in &sessions {
            level *= 1.0 + drift;
            let (open, close) = (level * (1.0 + 0.06 * noise()), level * (1.0 + 0.06 * noise()));
            bars.push(*date, [open, open.max(close) * 1.001, open.min(close) * 0.999, close, 1e6].map(f64::round));
        }
        market.insert(ticker.to_owned(), bars);
    }
    market
}

/// Prices whose files are known by their tickers only.
pub(crate) fn data_of(market: Market) -> TuneData {
    let facts = |(ticker, bars): (&String, &Bars)| {
        let facts = FileFacts {
            first: bars.first_date().expect("a bar"),
            last: bars.last_date().expect("a bar"),
            rows: bars.len(),
            sha256: daily_ops::contracts::json::sha256_hex(ticker.as_bytes()),
            rows_raw: bars.len(),
            rows_on_closed_days: 0,
            splices: 0,
            vendor: Some("naver".to_owned()),
            doubt: None,
        };
        (ticker.clone(), facts)
    };
    TuneData { files: market.iter().map(facts).collect(), market }
}

/// A market with something to earn.
pub(crate) fn good() -> TuneData {
    data_of(market(0.0008))
}

/// A market that only falls.
pub(crate) fn falling() -> TuneData {
    data_of(market(-0.001))
}

/// A workspace with parameters in force.
pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) clock: SimClock,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let stamp = Stamp::from("2026-01-05T19:00:00+09:00");
        store.write_document(layout::STRATEGY_PARAMS.latest, &default_params(stamp.clone())).expect("written");
        Self { dir, store, clock: SimClock::at(stamp.instant().expect("a time")) }
    }

    /// The configuration of twelve trials near the parameters in force.
    pub(crate) fn config(&self) -> TuneConfig {
        let source = params::resolve(&self.store).expect("parameters");
        let space = Space::with(&[
            "momentum_period=18..24".to_owned(),
            "stop_loss=-0.03..-0.03".to_owned(),
            "max_positions=3..4".to_owned(),
        ]);
        TuneConfig {
            mode: "custom".to_owned(),
            start: day("2023-01-01"),
            end: day("2025-12-30"),
            space: space.expect("a space"),
            n_trials: 12,
            seed: 42,
            preset: Preset::Standard,
            objective: Combine::Min,
            strategy: source.document.strategy,
            version: source.document.version,
            params: source.document.params,
            param_source: TuneSource { path: source.path, sha256: source.sha256 },
            costs: CostConfig {
                commission_rate: 0.00015,
                slippage_rate: 0.001,
                fee_table_sha256: fee_table_sha256(None),
            },
            initial_capital: 10_000_000.0,
            rebalance_threshold: 0.01,
            gate: false,
        }
    }

    pub(crate) fn observed(mut self, observer: WriteObserver) -> Self {
        self.store = self.store.observed_by(observer);
        self
    }

    pub(crate) fn bytes(&self, file: &str) -> Option<Vec<u8>> {
        self.store.read(file).expect("readable")
    }

    pub(crate) fn text(&self, file: &str) -> String {
        String::from_utf8(self.bytes(file).unwrap_or_else(|| panic!("no {file}"))).expect("text")
    }

    /// A file of the run's directory.
    pub(crate) fn run_file(&self, name: &str) -> String {
        self.text(&format!("data/tuning_runs/{RUN}/{name}"))
    }

    pub(crate) fn has_run_file(&self, name: &str) -> bool {
        self.store.path(&format!("data/tuning_runs/{RUN}/{name}")).exists()
    }

    /// The telemetry's events in order.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        let text = self.text("reports/tune/telemetry/tune_20260105_190000.jsonl");
        text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
    }
}

/// Whether a run starts or goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Start,
    Resume,
}

/// What a test changes about a run.
pub(crate) struct Try<'a> {
    pub(crate) how: How,
    pub(crate) simulate: Simulate<'a>,
    pub(crate) stop: &'a (dyn Fn(usize) -> bool + Sync),
    pub(crate) timeout: Option<Duration>,
    /// Two unless told otherwise; one where a stop after k trials must be exact.
    pub(crate) threads: usize,
}

impl Default for Try<'_> {
    fn default() -> Self {
        Self { how: How::Start, simulate: &simulate, stop: &|_| false, timeout: None, threads: 2 }
    }
}

impl Try<'_> {
    pub(crate) fn on(&self, bench: &Bench, (config, data): (TuneConfig, TuneData)) -> Result<End, TuneFault> {
        let site = Site {
            store: &bench.store,
            clock: &bench.clock,
            fees: FeeTable::krx(),
            simulate: self.simulate,
            stop: self.stop,
            progress: &|_| bench.clock.advance(Duration::from_millis(0)),
            timeout: self.timeout,
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads).build().expect("a pool");
        pool.install(|| match self.how {
            How::Start => tune::run(&site, RUN, (config, data)),
            How::Resume => tune::resume(&site, RUN, (config, data)),
        })
    }
}

pub(crate) fn finished(end: Result<End, TuneFault>) -> Finished {
    match end.expect("no fault") {
        End::Finished(finished) => *finished,
        End::Interrupted { done, total } => panic!("interrupted after {done} of {total}"),
    }
}

/// A run on the good market that came to its end.
pub(crate) fn done() -> (Bench, Finished) {
    let bench = Bench::new();
    let config = bench.config();
    let finished = finished(Try::default().on(&bench, (config, good())));
    (bench, finished)
}

/// Every file of a workspace with its bytes; locks hold a process id.
pub(crate) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(dir: &Path, root: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(dir).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_none_or(|end| end != "lock") {
                let name = path.strip_prefix(root).expect("inside").to_string_lossy().into_owned();
                found.insert(name, std::fs::read(&path).expect("readable"));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

/// An observer that kills the writer after it has appended to `name` for the `count`th time.
pub(crate) fn killer(name: &'static str, count: usize) -> WriteObserver {
    let left = std::sync::atomic::AtomicUsize::new(count);
    Arc::new(move |path: &Path| {
        if path.ends_with(name) && left.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) == 1 {
            panic!("killed after {count} of {name}");
        }
    })
}
