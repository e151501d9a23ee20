//! After the search: ranking, the three gates, and the figures that they and a promotion need.

use rayon::prelude::*;

use crate::contracts::tune::GateReport;
use crate::contracts::tune::TuneJudged;
use crate::contracts::tune::TuneStage;

use super::TuneFault;
use super::config::TuneConfig;
use super::guard;
use super::lab::Lab;
use super::lab::LabFault;
use super::lab::Trial;
use super::lab::baseline_point;
use super::rundir::Baseline;
use super::rundir::EngineHealth;
use super::rundir::Manifest;
use super::rundir::WindowResult;
use super::sealed::Sealed;
use super::segment::Figures;
use super::space::params_hash;
use super::split::Splits;

/// Completed trials, best first; equal scores by number.
#[must_use]
pub(super) fn ranked(trials: &[Trial]) -> Vec<&Trial> {
    let mut ranked: Vec<&Trial> = trials.iter().filter(|trial| trial.completed().is_some()).collect();
    let score = |trial: &Trial| trial.score.unwrap_or(f64::NEG_INFINITY);
    ranked.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.trial.cmp(&b.trial)));
    ranked
}

/// What the simulator refused during the search.
#[must_use]
pub(super) fn engine_health(trials: &[Trial]) -> EngineHealth {
    let reasons = trials.iter().filter_map(|trial| trial.prune_reason.as_deref()?.strip_prefix("RUN_FAILED: "));
    let mut faults: Vec<String> = reasons.map(str::to_owned).collect();
    let failed_trials = faults.len();
    faults.sort();
    faults.dedup();
    let status = if failed_trials == 0 { "OK" } else { "DEGRADED" };
    EngineHealth { status: status.to_owned(), failed_trials, faults }
}

/// The judge of one run.
pub(super) struct Judge<'a> {
    pub(super) config: &'a TuneConfig,
    pub(super) lab: &'a Lab<'a>,
    pub(super) splits: &'a Splits,
    pub(super) sealed: &'a Sealed,
}

impl Judge<'_> {
    /// Fills in what the trials come to. `on_stage` is called with the manifest each time a gate has passed. `false`: no
    /// trial was completed.
    ///
    /// # Errors
    /// A simulation fails that worked during the search, or the manifest cannot be written.
    pub(super) fn judge(
        &self,
        trials: &[Trial],
        manifest: &mut Manifest,
        on_stage: &dyn Fn(&Manifest) -> Result<(), TuneFault>,
    ) -> Result<bool, TuneFault> {
        let ranked = ranked(trials);
        manifest.engine_health = engine_health(trials);
        let results = &mut manifest.results;
        results.completed_trials = ranked.len();
        results.pruned_trials = trials.len() - ranked.len();
        results.best_trial = ranked.first().map(|trial| trial.trial);
        let Some((trial, train, gate1)) = self.chosen(&ranked)? else { return Ok(false) };
        let Some((score, validation)) = trial.completed() else { return Ok(false) };
        let mut judged = TuneJudged {
            trial: trial.trial,
            params: trial.params.clone(),
            params_hash: trial.params_hash.clone(),
            score,
            train,
            validation: *validation,
            test: None,
        };
        let mut baseline = self.baseline()?;
        manifest.results.judged = Some(judged.clone());
        manifest.results.baseline.clone_from(&baseline);
        manifest.results.gates = vec![gate1.clone(), guard::not_reached(2), guard::not_reached(3)];
        if !guard::passes(&gate1) {
            return Ok(true);
        }
        manifest.stage = TuneStage::Gate1Passed;
        on_stage(manifest)?;
        manifest.results.walk_forward = self.walk_forward(trial)?;
        let out_samples: Vec<Figures> = manifest.results.walk_forward.iter().map(|window| window.out_sample).collect();
        let gate2 = guard::gate2(&out_samples);
        manifest.results.gates = vec![gate1.clone(), gate2.clone(), guard::not_reached(3)];
        let Some(market) = self.sealed.revealed(&gate2) else { return Ok(true) };
        manifest.stage = TuneStage::Gate2Passed;
        on_stage(manifest)?;
        let test = self.lab.figures((&trial.params, &trial.params_hash), self.splits.test, market)?;
        judged.test = Some(test);
        if let Some(baseline) = &mut baseline {
            let hash = params_hash(&baseline.params)?;
            baseline.test = Some(self.lab.figures((&baseline.params, &hash), self.splits.test, market)?);
        }
        manifest.results.judged = Some(judged);
        manifest.results.baseline = baseline;
        manifest.results.gates = vec![gate1, gate2, guard::gate3(validation, &test)];
        manifest.stage = TuneStage::Final;
        on_stage(manifest)?;
        Ok(true)
    }

    /// The trial that is judged: the best one that passes gate 1, else the best one.
    fn chosen<'t>(&self, ranked: &[&'t Trial]) -> Result<Option<(&'t Trial, Figures, GateReport)>, LabFault> {
        let sharpes: Vec<(String, f64)> = ranked
            .iter()
            .filter_map(|trial| Some((trial.params_hash.clone(), trial.validation.as_ref()?.sharpe)))
            .collect();
        let mut best = None;
        for trial in ranked {
            let Some((_, validation)) = trial.completed() else { continue };
            let rank = guard::sharpe_rank(&trial.params_hash, validation.sharpe, &sharpes);
            // Only the best one is judged in any case; the others need a place that gate 1 accepts.
            if best.is_some() && rank > guard::TOP_BY_SHARPE {
                continue;
            }
            let train = self.lab.figures((&trial.params, &trial.params_hash), self.splits.train, self.sealed.open())?;
            let gate1 = guard::gate1(&train, validation, rank, self.config.preset);
            if guard::passes(&gate1) {
                return Ok(Some((trial, train, gate1)));
            }
            best = best.or(Some((*trial, train, gate1)));
        }
        Ok(best)
    }

    /// The parameters in force on the validation segment; `None` when they cannot be simulated.
    fn baseline(&self) -> Result<Option<Baseline>, LabFault> {
        let params = baseline_point(self.config);
        let hash = params_hash(&params)?;
        match self.lab.figures((&params, &hash), self.splits.validation, self.sealed.open()) {
            Ok(validation) => Ok(Some(Baseline { params, validation, test: None })),
            Err(fault) if fault.is_of_the_trial() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    fn walk_forward(&self, trial: &Trial) -> Result<Vec<WindowResult>, LabFault> {
        let figures = |segment| self.lab.figures((&trial.params, &trial.params_hash), segment, self.sealed.open());
        let windows = self.splits.windows();
        let results = windows.into_par_iter().map(|window| {
            Ok(WindowResult {
                window,
                train: figures(window.train)?,
                validation: figures(window.validation)?,
                out_sample: figures(window.out_sample)?,
            })
        });
        results.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pc::tune::space::Point;

    fn trial(number: usize, score: Option<f64>, reason: Option<&str>) -> Trial {
        Trial {
            trial: number,
            params: Point::new(),
            params_hash: number.to_string(),
            score,
            prune_reason: reason.map(str::to_owned),
            validation: Some(Figures::default()),
            look_backs: Vec::new(),
        }
    }

    #[test]
    fn trials_rank_by_score_and_then_by_number() {
        let trials =
            [trial(0, Some(0.5), None), trial(1, Some(0.9), None), trial(2, None, None), trial(3, Some(0.9), None)];
        let found: Vec<usize> = ranked(&trials).iter().map(|trial| trial.trial).collect();
        assert_eq!(found, [1, 3, 0]);
    }

    #[test]
    fn the_engine_is_degraded_when_trials_fail() {
        let failed = |number| trial(number, None, Some("RUN_FAILED: no prices for 069500"));
        let found = engine_health(&[failed(0), failed(1), trial(2, None, Some("MDD_ABOVE_LIMIT: deep"))]);
        assert_eq!((found.status.as_str(), found.failed_trials, found.faults.len()), ("DEGRADED", 2, 1));
        assert_eq!(engine_health(&[]).status, "OK");
    }
}
