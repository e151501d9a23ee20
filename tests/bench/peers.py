"""The sweep of tests/bench/sweep.rs with other programs: pandas, a Numba loop, vectorbt and backtesting.py.

    python3 -m venv /tmp/peers/venv
    /tmp/peers/venv/bin/pip install vectorbt backtesting numba pandas pyarrow
    /tmp/peers/venv/bin/python tests/bench/peers.py [PRICES_DIR]

One core each, the same bars and cells (4,680 crossings of 005930 from 2021-01-04), decisions at the close, fills at the
next open with commission and slippage. Each peer is warmed up once, then runs ROUNDS times in turns with the others;
the median counts. Times are the processor's (one thread), which a busy machine hardly lengthens. Peers that are slow run a share of the cells; their rate is of what they ran. pandas and vectorbt give
return, Sharpe ratio and drawdown only; the Numba loop does the accounts of a cell (taxes too) and these three figures.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["TQDM_DISABLE"] = "1"

import statistics
import sys
import time
import warnings
from pathlib import Path

import numba
import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")

ROUNDS = 5
FAST, SLOW = range(2, 41), range(41, 161)
COMMISSION, SLIPPAGE, TAX, CASH = 0.00015, 0.001, 0.0020, 1e7


def load(directory):
    bars = pd.read_parquet(directory / "005930.parquet").set_index("date")
    bars.index = pd.to_datetime(bars.index)
    bars = bars[["open", "high", "low", "close", "volume"]].astype(float)
    lines = {n: bars["close"].rolling(n).mean() for n in [*FAST, *SLOW]}
    window = bars.index >= "2021-01-04"
    return bars[window], {n: line[window] for n, line in lines.items()}


@numba.njit
def one_cell(fast, slow, open_, close):
    cash, shares, peak, fall = CASH, 0.0, CASH, 0.0
    total, squares, before, trades = 0.0, 0.0, CASH, 0
    want = False
    for t in range(len(close)):
        if t > 0:
            if want and shares == 0.0:
                fill = open_[t] * (1 + SLIPPAGE)
                shares = np.floor(cash / (fill * (1 + COMMISSION)))
                cash -= shares * fill * (1 + COMMISSION)
                trades += 1
            elif not want and shares > 0.0:
                notional = shares * open_[t] * (1 - SLIPPAGE)
                cash += notional - notional * COMMISSION - notional * TAX
                shares = 0.0
                trades += 1
        equity = cash + shares * close[t]
        if t > 0:
            r = equity / before - 1
            total += r
            squares += r * r
        before = equity
        if equity > peak:
            peak = equity
        elif 1 - equity / peak > fall:
            fall = 1 - equity / peak
        want = fast[t] > slow[t]
    n = len(close) - 1
    spread = np.sqrt(max(squares - total * total / n, 0.0) / (n - 1))
    return before, (total / n / spread * np.sqrt(252) if spread > 0 else 0.0), fall, trades


@numba.njit
def all_cells(fast, slow, open_, close):
    best = -1e9
    for i in range(fast.shape[0]):
        for j in range(slow.shape[0]):
            best = max(best, one_cell(fast[i], slow[j], open_, close)[1])
    return best


def numba_loop(bars, lines):
    fast, slow = (np.array([lines[n].to_numpy() for n in side]) for side in (FAST, SLOW))
    open_, close = bars["open"].to_numpy(), bars["close"].to_numpy()
    start = time.thread_time()
    all_cells(fast, slow, open_, close)
    return time.thread_time() - start, len(FAST) * len(SLOW)


def pandas_columns(bars, lines):
    cells = 0
    start = time.thread_time()
    for f in FAST[::4]:
        for s in SLOW[::8]:
            held = (lines[f] > lines[s]).shift(1, fill_value=False)
            change = held.astype(int).diff().fillna(0)
            step = bars["close"].pct_change().where(held, 0.0)
            step = step.where(change <= 0, bars["close"] / (bars["open"] * (1 + SLIPPAGE)) - 1 - COMMISSION)
            sold = bars["open"] * (1 - SLIPPAGE) / bars["close"].shift(1) - 1 - COMMISSION - TAX
            step = step.where(change >= 0, sold)
            equity = (1 + step).cumprod()
            _ = (equity.iloc[-1], step.mean() / step.std() * 252**0.5, (1 - equity / equity.cummax()).max())
            cells += 1
    return time.thread_time() - start, cells


def vectorbt_columns(bars, lines):
    import vectorbt as vbt

    start = time.thread_time()
    fast = np.column_stack([lines[n].to_numpy() for n in FAST])
    slow = np.column_stack([lines[n].to_numpy() for n in SLOW])
    want = (fast[:, :, None] > slow[:, None, :]).reshape(len(bars), -1)
    held = np.vstack([np.zeros((1, want.shape[1]), bool), want[:-1]])
    before = np.vstack([np.zeros((1, want.shape[1]), bool), held[:-1]])
    portfolio = vbt.Portfolio.from_signals(
        bars["close"], held & ~before, ~held & before, price=bars["open"], fees=COMMISSION, slippage=SLIPPAGE,
        init_cash=CASH, size_granularity=1, freq="1D",
    )
    _ = (portfolio.total_return(), portfolio.sharpe_ratio(), portfolio.max_drawdown())
    return time.thread_time() - start, want.shape[1]


def backtesting_py(bars, lines):
    from backtesting import Backtest
    from backtesting import Strategy

    class Cross(Strategy):
        fast, slow = 5, 41

        def init(self):
            self.a = self.I(lambda: lines[self.fast].to_numpy())
            self.b = self.I(lambda: lines[self.slow].to_numpy())

        def next(self):
            if self.a[-1] > self.b[-1]:
                if not self.position:
                    self.buy()
            elif self.position:
                self.position.close()

    test = Backtest(bars.rename(columns=str.capitalize), Cross, cash=CASH, commission=COMMISSION, spread=SLIPPAGE)
    start = time.thread_time()
    cells = 0
    for f in FAST[::8]:
        for s in SLOW[::30]:
            test.run(fast=f, slow=s)
            cells += 1
    return time.thread_time() - start, cells


def main():
    here = Path(__file__).resolve().parent
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else here / "../../../shared/data/prices"
    bars, lines = load(directory)
    peers = [numba_loop, vectorbt_columns, pandas_columns, backtesting_py]
    for peer in peers:
        peer(bars, lines)
    rates = {peer: [] for peer in peers}
    for _ in range(ROUNDS):
        for peer in peers:
            took, cells = peer(bars, lines)
            rates[peer].append(cells * len(bars) / took / 1e6)
    for peer in peers:
        found = rates[peer]
        print(f"{peer.__name__}: median {statistics.median(found):.3g}, best {max(found):.3g} million bars x cells/s")


if __name__ == "__main__":
    main()
