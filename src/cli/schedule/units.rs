//! systemd units: the daily run, the ops cycle and the weekly cleanup, each with its timer, and the backend.

use super::install::Install;

/// One unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The name of its file.
    pub name: &'static str,
    /// Its text.
    pub text: String,
}

pub(super) const HEADER: &str = "# Made by `daily_ops schedule print`. Print it again instead of editing it.\n";

/// Restrictions that hold on every kernel and for every folder: none of them needs a mount name space.
const HARDENING: &str = "\
UMask=0027
NoNewPrivileges=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
";

/// All units of an installation.
#[must_use]
pub fn systemd_units(install: &Install) -> Vec<Unit> {
    vec![
        Unit { name: "daily-ops.service", text: systemd_service(install) },
        Unit { name: "daily-ops.timer", text: systemd_timer() },
        Unit { name: "daily-ops-backend.service", text: systemd_backend(install) },
        Unit { name: "daily-ops-cycle.service", text: systemd_cycle_service(install) },
        Unit { name: "daily-ops-cycle.timer", text: systemd_cycle_timer() },
        Unit { name: "daily-ops-prune.service", text: systemd_prune_service(install) },
        Unit { name: "daily-ops-prune.timer", text: systemd_prune_timer() },
    ]
}

/// The job of the daily run. It has no `[Install]` section: enabled by itself it would also run at each boot.
#[must_use]
pub fn systemd_service(install: &Install) -> String {
    format!(
        "{HEADER}\
[Unit]
Description=daily_ops: the daily run
Wants=network-online.target daily-ops-backend.service
After=network-online.target daily-ops-backend.service

[Service]
Type=oneshot
{place}\
Environment=DAILY_OPS_TRIGGER=cron
ExecStart={run}
# 2 is a block: a rule said no, which is a normal answer. 3 is a fault, 64 a wrong configuration.
SuccessExitStatus=0 2
RestartPreventExitStatus=2 64
TimeoutStartSec=15min
{HARDENING}",
        place = place(install),
        run = exec(install, "run"),
    )
}

/// The timer of the daily run. A run that was missed starts at boot and is marked late.
#[must_use]
pub fn systemd_timer() -> String {
    timer("the daily run at 09:05 in Korea", "*-*-* 09:05:00 Asia/Seoul", "daily-ops.service")
}

/// The backend, on loopback only.
#[must_use]
pub fn systemd_backend(install: &Install) -> String {
    format!(
        "{HEADER}\
# logs/ must be there before the first start, because systemd does not make it: `daily_ops init` does.
[Unit]
Description=daily_ops: the backend on 127.0.0.1
After=network.target
# It is back within 5 s, so it waits for 1. One that dies each time at once is given up after a minute and shows as failed;
# one that lives for 5 s is always started again. The next daily run or ops cycle asks for it once more.
StartLimitIntervalSec=300
StartLimitBurst=60

[Service]
Type=simple
{place}\
Environment=OPS_BIND=127.0.0.1:8000
ExecStart={serve}
Restart=always
RestartSec=1
# A wrong configuration does not heal by being read again.
RestartPreventExitStatus=64
# A stop gives running requests 10 s and their work 2 s, then the log its last rows. What is there after 20 s hangs.
TimeoutStopSec=20
StandardOutput=append:{log}
StandardError=append:{log}
{HARDENING}
[Install]
WantedBy=multi-user.target
",
        place = place(install),
        serve = exec(install, "serve"),
        log = percent(&format!("{}/logs/backend.log", install.root())),
    )
}

/// The job of the ops cycle: the backend runs it, this only asks for it.
#[must_use]
pub fn systemd_cycle_service(install: &Install) -> String {
    format!(
        "{HEADER}\
[Unit]
Description=daily_ops: the hourly ops cycle
Wants=daily-ops-backend.service
After=daily-ops-backend.service

[Service]
Type=oneshot
{place}\
ExecStart={cycle}
SuccessExitStatus=0 2
TimeoutStartSec=9min
{HARDENING}",
        place = place(install),
        cycle = exec(install, "check ops-cycle"),
    )
}

/// The timer of the ops cycle: ten minutes before the daily run, which then finds the evidence checked.
#[must_use]
pub fn systemd_cycle_timer() -> String {
    timer("the ops cycle, each hour at :55 in Korea", "*-*-* *:55:00 Asia/Seoul", "daily-ops-cycle.service")
}

/// The job of the weekly cleanup.
#[must_use]
pub fn systemd_prune_service(install: &Install) -> String {
    format!(
        "{HEADER}\
[Unit]
Description=daily_ops: the weekly cleanup of logs and snapshots
After=daily-ops.service

[Service]
Type=oneshot
{place}\
ExecStart={prune}
SuccessExitStatus=0 2
TimeoutStartSec=15min
Nice=10
{HARDENING}",
        place = place(install),
        prune = exec(install, "store prune"),
    )
}

/// The timer of the weekly cleanup.
#[must_use]
pub fn systemd_prune_timer() -> String {
    timer("the weekly cleanup, Sunday 01:10 in Korea", "Sun *-*-* 01:10:00 Asia/Seoul", "daily-ops-prune.service")
}

/// A short job that its timer starts.
pub(super) fn job(what: &str, arguments: &str, install: &Install) -> String {
    format!(
        "{HEADER}\
[Unit]
Description=daily_ops: {what}
After=network-online.target

[Service]
Type=oneshot
{place}\
ExecStart={start}
SuccessExitStatus=0 2
TimeoutStartSec=4min
{HARDENING}",
        place = place(install),
        start = exec(install, arguments),
    )
}

fn timer(what: &str, when: &str, service: &str) -> String {
    format!(
        "{HEADER}\
[Unit]
Description=daily_ops: {what}

[Timer]
OnCalendar={when}
Persistent=true
AccuracySec=1s
Unit={service}

[Install]
WantedBy=timers.target
"
    )
}

/// Who runs a job, where, and the file with its variables, which may be absent.
fn place(install: &Install) -> String {
    let root = percent(install.root());
    format!("User={}\nWorkingDirectory={root}\nEnvironmentFile=-{root}/state/secrets/daily_ops.env\n", install.user())
}

fn exec(install: &Install, arguments: &str) -> String {
    let binary = percent(install.binary());
    // Only command lines are split at blanks; the other settings take the rest of their line as it is.
    let is_plain = binary.chars().all(|c| !c.is_whitespace() && !matches!(c, '\'' | ';'));
    if is_plain { format!("{binary} {arguments}") } else { format!("\"{binary}\" {arguments}") }
}

/// systemd reads a percent sign as the start of a specifier.
fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(root: &str, binary: &str) -> Install {
        Install::new(root.as_ref(), binary.as_ref(), "ubuntu").expect("valid")
    }

    fn has(text: &str, line: &str) -> bool {
        text.lines().any(|other| other == line)
    }

    #[test]
    fn each_unit_says_what_the_hosting_rules_ask_for() {
        let install = install("/home/ubuntu/daily-ops", "/usr/local/bin/daily_ops");
        let cases: [(&str, String, &[&str]); 7] = [
            (
                "job",
                systemd_service(&install),
                &[
                    "Type=oneshot",
                    "User=ubuntu",
                    "WorkingDirectory=/home/ubuntu/daily-ops",
                    "ExecStart=/usr/local/bin/daily_ops run",
                    "SuccessExitStatus=0 2",
                    "RestartPreventExitStatus=2 64",
                    "TimeoutStartSec=15min",
                    "After=network-online.target daily-ops-backend.service",
                    "Wants=network-online.target daily-ops-backend.service",
                    "NoNewPrivileges=yes",
                ],
            ),
            (
                "timer",
                systemd_timer(),
                &["OnCalendar=*-*-* 09:05:00 Asia/Seoul", "Persistent=true", "WantedBy=timers.target"],
            ),
            (
                "backend",
                systemd_backend(&install),
                &[
                    "Type=simple",
                    "Restart=always",
                    "RestartSec=1",
                    "StartLimitIntervalSec=300",
                    "StartLimitBurst=60",
                    "StandardOutput=append:/home/ubuntu/daily-ops/logs/backend.log",
                    "EnvironmentFile=-/home/ubuntu/daily-ops/state/secrets/daily_ops.env",
                    "Environment=OPS_BIND=127.0.0.1:8000",
                    "ExecStart=/usr/local/bin/daily_ops serve",
                    "WantedBy=multi-user.target",
                ],
            ),
            (
                "ops cycle",
                systemd_cycle_service(&install),
                &["ExecStart=/usr/local/bin/daily_ops check ops-cycle", "SuccessExitStatus=0 2"],
            ),
            ("ops cycle timer", systemd_cycle_timer(), &["OnCalendar=*-*-* *:55:00 Asia/Seoul"]),
            ("cleanup", systemd_prune_service(&install), &["ExecStart=/usr/local/bin/daily_ops store prune"]),
            ("cleanup timer", systemd_prune_timer(), &["OnCalendar=Sun *-*-* 01:10:00 Asia/Seoul"]),
        ];
        for (name, text, lines) in cases {
            for line in lines {
                assert!(has(&text, line), "{name} lacks {line}:\n{text}");
            }
            assert!(!text.contains("0.0.0.0"), "{name}");
        }
    }

    #[test]
    fn a_job_is_started_by_its_timer_only() {
        let install = install("/srv", "/bin/daily_ops");
        for text in [systemd_service(&install), systemd_cycle_service(&install), systemd_prune_service(&install)] {
            assert!(!text.contains("[Install]"), "{text}");
        }
    }

    #[test]
    fn blanks_and_percent_signs_survive_the_reading_of_systemd() {
        let install = install("/srv/it's 100%", "/opt/a b%c/daily_ops");
        let text = systemd_backend(&install);
        for line in [
            "WorkingDirectory=/srv/it's 100%%",
            "EnvironmentFile=-/srv/it's 100%%/state/secrets/daily_ops.env",
            "ExecStart=\"/opt/a b%%c/daily_ops\" serve",
            "StandardOutput=append:/srv/it's 100%%/logs/backend.log",
        ] {
            assert!(has(&text, line), "lacks {line}:\n{text}");
        }
    }
}
