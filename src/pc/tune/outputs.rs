//! What a finished run is told as: the result document, one page, one table.

use std::fmt::Write as _;

use crate::contracts::tune::CheckStatus;
use crate::contracts::tune::GateReport;
use crate::contracts::tune::TuneFigures;
use crate::contracts::tune::TuneMeta;
use crate::contracts::tune::TuneParams;
use crate::contracts::tune::TuneResult;
use crate::contracts::tune::TuneSummary;
use crate::contracts::tune::TuneTrialRow;
use crate::time::Stamp;

use super::judge::ranked;
use super::lab::LookBack;
use super::lab::Trial;
use super::rundir::Manifest;
use super::space::round6;
use super::split::LOOK_BACKS;
use super::verdict::Verdict;

/// Rows of the table of best trials.
const TOP: usize = 10;

/// Figures as documents state them: six decimals.
#[must_use]
pub fn rounded(figures: &TuneFigures) -> TuneFigures {
    TuneFigures {
        sharpe: round6(figures.sharpe),
        mdd: round6(figures.mdd),
        cagr: round6(figures.cagr),
        total_return: round6(figures.total_return),
        total_trades: figures.total_trades,
        turnover: round6(figures.turnover),
        exposure: round6(figures.exposure),
    }
}

/// The result document; `None` without a completed trial.
#[must_use]
pub fn result(
    manifest: &Manifest,
    trials: &[Trial],
    verdict: CheckStatus,
    (asof, runtime_sec): (Stamp, f64),
) -> Option<TuneResult> {
    let ranked = ranked(trials);
    let best = ranked.first()?;
    let (best_score, figures) = best.completed()?;
    let mut judged = manifest.results.judged.clone()?;
    judged.score = round6(judged.score);
    judged.train = rounded(&judged.train);
    judged.validation = rounded(&judged.validation);
    judged.test = judged.test.as_ref().map(rounded);
    let config = &manifest.config;
    let results = &manifest.results;
    let universe = config.params.get("universe").and_then(serde_json::Value::as_array);
    let row = |trial: &&Trial| {
        let (score, figures) = trial.completed()?;
        Some(TuneTrialRow {
            trial: trial.trial,
            score: round6(score),
            params: trial.params.clone(),
            sharpe: round6(figures.sharpe),
            mdd_pct: round6(figures.mdd),
            cagr: round6(figures.cagr),
            total_trades: figures.total_trades,
        })
    };
    Some(TuneResult {
        schema: "TUNE_RESULT_V1".to_owned(),
        best_params: best.params.clone(),
        best_score: round6(best_score),
        best_summary: TuneSummary {
            sharpe: round6(figures.sharpe),
            mdd_pct: round6(figures.mdd),
            cagr: round6(figures.cagr),
            total_return: round6(figures.total_return),
        },
        best_total_trades: figures.total_trades,
        trials_top10: ranked.iter().take(TOP).filter_map(row).collect(),
        judged,
        gates: results.gates.clone(),
        verdict,
        meta: TuneMeta {
            asof,
            run_id: manifest.run_id.clone(),
            mode: config.mode.clone(),
            start_date: config.start,
            end_date: config.end,
            universe: universe.into_iter().flatten().filter_map(|t| Some(t.as_str()?.to_owned())).collect(),
            n_trials: config.n_trials,
            completed_trials: results.completed_trials,
            pruned_trials: results.pruned_trials,
            seed: config.seed,
            runtime_sec,
            param_source: config.param_source.clone(),
            data_fingerprint: manifest.data.fingerprint.clone(),
            engine_version: manifest.environment.engine_version.clone(),
            stage: manifest.stage,
            preset: config.preset.as_str().to_owned(),
            timed_out: results.timed_out,
        },
    })
}

/// `trials.csv`: every trial by number.
///
/// # Errors
/// A row cannot be rendered.
pub fn trials_csv(trials: &[Trial], names: &[&str]) -> Result<String, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let look_backs = LOOK_BACKS.map(|months| format!("score_{months}m"));
    let head = ["trial", "params_hash", "score", "pruned", "prune_reason"].into_iter();
    let figures = ["sharpe", "mdd_pct", "cagr", "total_return", "total_trades", "turnover", "exposure_ratio"];
    table
        .write_record(head.chain(names.iter().copied()).chain(figures).chain(look_backs.iter().map(String::as_str)))?;
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| round6(value).to_string());
    for trial in trials {
        let mut row = vec![
            trial.trial.to_string(),
            trial.params_hash.clone(),
            number(trial.score),
            trial.prune_reason.is_some().to_string(),
            trial.prune_reason.clone().unwrap_or_default(),
        ];
        row.extend(names.iter().map(|name| trial.params.get(*name).map(ToString::to_string).unwrap_or_default()));
        let found = trial.validation.as_ref();
        row.push(number(found.map(|f| f.sharpe)));
        row.push(number(found.map(|f| f.mdd)));
        row.push(number(found.map(|f| f.cagr)));
        row.push(number(found.map(|f| f.total_return)));
        row.push(found.map(|f| f.total_trades.to_string()).unwrap_or_default());
        row.push(number(found.map(|f| f.turnover)));
        row.push(number(found.map(|f| f.exposure)));
        let score = |months| trial.look_backs.iter().find(|w: &&LookBack| w.months == months).map(|w| w.score);
        row.extend(LOOK_BACKS.map(|months| number(score(months))));
        table.write_record(&row)?;
    }
    let bytes = table.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A point in one line: `max_positions 4, momentum_period 20`.
#[must_use]
pub fn params_line(params: &TuneParams) -> String {
    params.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}

/// The checks of a gate, one line each.
#[must_use]
pub fn gate_lines(gate: &GateReport) -> Vec<String> {
    let name = ["validation", "walk-forward", "sealed test"].get(usize::from(gate.gate).wrapping_sub(1));
    let mut lines = vec![format!("gate {}  {:<12}  {}", gate.gate, name.unwrap_or(&""), gate.status.as_str())];
    lines.extend(
        gate.checks.iter().map(|check| format!("  {:<4}  {:<21}  {}", check.status.as_str(), check.code, check.detail)),
    );
    lines
}

fn figures_row(name: &str, figures: &TuneFigures) -> String {
    format!(
        "| {name} | {:.3} | {:.2} | {:.2} | {:.2} | {} | {:.1} | {:.2} |\n",
        figures.sharpe,
        figures.mdd,
        figures.cagr,
        figures.total_return,
        figures.total_trades,
        figures.turnover,
        figures.exposure
    )
}

/// Every figure of the judged trial, of the parameters in force, and out of sample.
fn figures_table(manifest: &Manifest, result: &TuneResult) -> String {
    let results = &manifest.results;
    let mut page = String::from(
        "\n## Figures\n\n| | Sharpe | MDD % | CAGR % | Return % | Trades | Turnover | Exposure |\n|---|---|---|---|---|---|---|---|\n",
    );
    page.push_str(&figures_row("judged, train", &result.judged.train));
    page.push_str(&figures_row("judged, validation", &result.judged.validation));
    if let Some(test) = &result.judged.test {
        page.push_str(&figures_row("judged, test", test));
    }
    if let Some(baseline) = &results.baseline {
        page.push_str(&figures_row("in force, validation", &baseline.validation));
        if let Some(test) = &baseline.test {
            page.push_str(&figures_row("in force, test", test));
        }
    }
    for window in &results.walk_forward {
        page.push_str(&figures_row(&format!("out of sample {}", window.window.out_sample), &window.out_sample));
    }
    page
}

/// `report.md`
#[must_use]
pub fn report(manifest: &Manifest, result: &TuneResult, verdict: &Verdict) -> String {
    let config = &manifest.config;
    let results = &manifest.results;
    let splits = &results.splits;
    let mut page = format!(
        "# Tuning run {}\n\nVerdict **{}**, stage {}.\n\n",
        manifest.run_id,
        verdict.verdict.as_str(),
        manifest.stage.as_str()
    );
    for reason in &verdict.top_reasons {
        writeln!(page, "- {reason}").ok();
    }
    write!(
        page,
        "\n| | |\n|---|---|\n| Strategy | {} {} |\n| Universe | {} |\n| Train | {} |\n| Validation | {} |\n| Test | {} |\n\
         | Trials | {} asked for, {} completed, {} pruned, seed {} |\n| Best score | {} with {} |\n| Judged | trial {}: {} |\n",
        config.strategy,
        config.version,
        result.meta.universe.join(", "),
        splits.train,
        splits.validation,
        splits.test,
        config.n_trials,
        results.completed_trials,
        results.pruned_trials,
        config.seed,
        result.best_score,
        params_line(&result.best_params),
        result.judged.trial,
        params_line(&result.judged.params),
    )
    .ok();
    page.push_str(&figures_table(manifest, result));
    page.push_str("\n## Gates\n\n```text\n");
    for line in result.gates.iter().flat_map(gate_lines) {
        writeln!(page, "{line}").ok();
    }
    page.push_str("```\n\n## Best trials\n\n| Trial | Score | Sharpe | MDD % | CAGR % | Trades | Parameters |\n|---|---|---|---|---|---|---|\n");
    for row in &result.trials_top10 {
        writeln!(
            page,
            "| {} | {:.4} | {:.3} | {:.2} | {:.2} | {} | {} |",
            row.trial,
            row.score,
            row.sharpe,
            row.mdd_pct,
            row.cagr,
            row.total_trades,
            params_line(&row.params)
        )
        .ok();
    }
    page
}
