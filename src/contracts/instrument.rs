//! What a ticker is: share, fund or index, and how far it may move in a day.

/// The board that a share is listed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Board {
    /// The main board.
    Kospi,
    /// The growth board.
    Kosdaq,
    /// The board for small companies.
    Konex,
}

/// The kind of an instrument; it decides taxes, ticks and limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A share.
    Stock(Board),
    /// An exchange-traded fund.
    Etf,
    /// An exchange-traded note.
    Etn,
    /// An index; nobody can buy it.
    Index,
}

/// How often a fund multiplies its index' daily move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leverage {
    /// Once, either way.
    Single,
    /// Twice, either way: the daily limit is twice as wide.
    Double,
}

/// What is known of a ticker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Its kind.
    pub kind: Kind,
    /// Its leverage.
    pub leverage: Leverage,
}

impl Kind {
    /// The kind of a word in a case file or on the command line: `stock`, `kospi`, `kosdaq`, `konex`, `etf`, `etn`,
    /// `index`. A stock without a board counts as KOSPI, whose sale tax is never lower.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "stock" | "kospi" => Self::Stock(Board::Kospi),
            "kosdaq" => Self::Stock(Board::Kosdaq),
            "konex" => Self::Stock(Board::Konex),
            "etf" => Self::Etf,
            "etn" => Self::Etn,
            "index" => Self::Index,
            _ => return None,
        })
    }

    /// The word for documents: shares of every board are `stock`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stock(_) => "stock",
            Self::Etf => "etf",
            Self::Etn => "etn",
            Self::Index => "index",
        }
    }
}

impl Instrument {
    /// An instrument without leverage.
    #[must_use]
    pub const fn plain(kind: Kind) -> Self {
        Self { kind, leverage: Leverage::Single }
    }

    /// What an unknown ticker counts as: a share on the main board, which pays the most.
    #[must_use]
    pub const fn unknown() -> Self {
        Self::plain(Kind::Stock(Board::Kospi))
    }

    /// The largest regular move in a day against the base price, as a fraction.
    #[must_use]
    pub fn daily_limit(self) -> f64 {
        match self.leverage {
            Leverage::Single => 0.30,
            Leverage::Double => 0.60,
        }
    }
}

const STOCK: Instrument = Instrument::plain(Kind::Stock(Board::Kospi));
const ETF: Instrument = Instrument::plain(Kind::Etf);
const DOUBLE: Instrument = Instrument { kind: Kind::Etf, leverage: Leverage::Double };
const INDEX: Instrument = Instrument::plain(Kind::Index);

/// Ticker, Korean name, what it is.
const KNOWN: &[(&str, &str, Instrument)] = &[
    ("000660", "SK하이닉스", STOCK),
    ("005380", "현대차", STOCK),
    ("005930", "삼성전자", STOCK),
    ("035420", "NAVER", STOCK),
    ("035720", "카카오", STOCK),
    ("051910", "LG화학", STOCK),
    ("069500", "KODEX 200", ETF),
    ("102110", "TIGER 200", ETF),
    ("114800", "KODEX 인버스", ETF),
    ("122630", "KODEX 레버리지", DOUBLE),
    ("133690", "TIGER 미국나스닥100", ETF),
    ("229200", "KODEX 코스닥150", ETF),
    ("233740", "KODEX 코스닥150레버리지", DOUBLE),
    ("251340", "KODEX 코스닥150선물인버스", ETF),
    ("252670", "KODEX 200선물인버스2X", DOUBLE),
    ("360750", "TIGER 미국S&P500", ETF),
    ("379800", "KODEX 미국S&P500", ETF),
    ("^KS11", "KOSPI", INDEX),
    ("^KQ11", "KOSDAQ", INDEX),
    ("^KS200", "KOSPI 200", INDEX),
];

/// What is known of a ticker, with its Korean name; `None` for a ticker that is not in the table. A name that starts
/// with `^` is an index.
#[must_use]
pub fn known(ticker: &str) -> Option<(Instrument, &'static str)> {
    let row = KNOWN.iter().find(|(code, ..)| *code == ticker).map(|(_, name, what)| (*what, *name));
    row.or_else(|| ticker.starts_with('^').then_some((INDEX, "")))
}

/// Every ticker of the table.
pub fn known_instruments() -> impl Iterator<Item = (&'static str, Instrument)> {
    KNOWN.iter().map(|(code, _, what)| (*code, *what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticker_is_known_by_its_code() {
        let cases = [
            ("005930", Some(Kind::Stock(Board::Kospi)), 0.30),
            ("069500", Some(Kind::Etf), 0.30),
            ("122630", Some(Kind::Etf), 0.60),
            ("^KS11", Some(Kind::Index), 0.30),
            ("^N225", Some(Kind::Index), 0.30),
            ("999999", None, 0.30),
        ];
        for (ticker, kind, limit) in cases {
            assert_eq!(known(ticker).map(|(what, _)| what.kind), kind, "{ticker}");
            let what = known(ticker).map_or(Instrument::unknown(), |(what, _)| what);
            assert!((what.daily_limit() - limit).abs() < 1e-12, "{ticker}");
        }
        assert_eq!(Kind::parse("stock"), Some(Kind::Stock(Board::Kospi)));
        assert_eq!(Kind::parse("bond"), None);
    }
}
