//! `daily_ops serve`, and the same backend inside the process of a run.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::args::ServeArgs;
use super::context::Context;
use super::exit::Failure;
use super::output::Output;
use super::quotes;
use crate::backend::DashOptions;
use crate::backend::Keeping;
use crate::backend::OPERATIONS;
use crate::backend::ServeFault;
use crate::backend::ServeOptions;
use crate::backend::Server;
use crate::contracts::token::TokenHash;
use crate::gates::Gates;
use crate::gates::MachineToken;
use crate::notify::Messenger;
use crate::ops::Ops;
use crate::ops::OpsPolicy;
use crate::ops::RiskWindow;
use crate::pipeline::Beside;
use crate::pipeline::EventsTo;
use crate::settings::MessageSecrets;
use crate::settings::Settings;
use crate::store::layout;
use crate::telemetry::init_logging;
use crate::time::Clock as _;

/// How often the server's owner looks for a signal.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) fn serve(context: &mut Context, args: &ServeArgs, output: &Output) -> Result<u8, Failure> {
    let bind = context.settings.serve.bind;
    let host = args.host.clone().unwrap_or_else(|| bind.ip().to_string());
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
    let asked = args.host.is_some() || args.port.is_some();
    let wanted = asked.then(|| format!("{host}:{}", args.port.unwrap_or_else(|| bind.port())));
    context.apply(&[("serve.bind", wanted)])?;
    for warning in &context.settings.warnings {
        output.story(&format!("⚠️ {warning}"));
    }
    context.heed_signals()?;
    init_logging();
    let serve = &context.settings.serve;
    let mut options =
        ServeOptions { remote: serve.remote, ..options(&context.settings, serve.bind.ip(), serve.bind.port(), 2)? };
    if options.operator_token.is_none() {
        options.operator_token = machine_token(context, serve.remote, output);
    }
    options.dash.journal = Keeping::Log;
    let server = Server::start(ops(context), &options).map_err(told)?;
    let url = server.url();
    let root = context.store.root();
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    output.result(&serde_json::json!({"schema": "DAILY_OPS_SERVING_V1", "url": url, "workspace": root}), || {
        vec![format!("serving {url} for the workspace {}", root.display())]
    });
    while !context.interrupted.load(std::sync::atomic::Ordering::SeqCst) {
        context.clock.wait(LOOK_EVERY);
    }
    server.stop();
    output.story("stopped");
    Ok(super::exit::DONE)
}

/// The token of this machine, where nobody configured one. A server that is open to other machines takes the one that is
/// there and makes none: who opens it makes a token on purpose. Without one, what needs a token is refused, and everything
/// else is served.
fn machine_token(context: &Context, is_remote: bool, output: &Output) -> Option<TokenHash> {
    let gates = Gates::new(&context.store);
    let found = if is_remote {
        gates.kept_machine_token().map(|kept| kept.map(|text| MachineToken { text, is_new: false }))
    } else {
        gates.machine_token().map(Some)
    };
    match found {
        Ok(None) => None,
        Ok(Some(token)) => {
            let made = if token.is_new { "made" } else { "in" };
            output.story(&format!("operator token {made}: {}", context.store.path(layout::OPS_TOKEN).display()));
            Some(TokenHash::of(&token.text))
        }
        Err(fault) => {
            output.story(&format!("⚠️ no operator token: {fault}"));
            None
        }
    }
}

/// An address or a token that is missing is wrong configuration; the rest could not be done.
fn told(fault: ServeFault) -> Failure {
    match fault {
        ServeFault::NotLoopback { .. } | ServeFault::NoToken => Failure::Usage(fault.to_string()),
        ServeFault::PortInUse { .. } | ServeFault::Tokens(_) | ServeFault::Bind { .. } | ServeFault::Threads(_) => {
            Failure::Fault(fault.into())
        }
    }
}

fn options(settings: &Settings, host: IpAddr, port: u16, workers: usize) -> Result<ServeOptions, Failure> {
    let token = settings.operator_token().map_err(|faults| Failure::Usage(faults.to_string()))?;
    let operator_token = token.map(|token| TokenHash::of(token.expose()));
    let body_limit = usize::try_from(settings.serve.body_limit).unwrap_or(usize::MAX);
    let dash = DashOptions {
        settings: settings.dashboard.clone(),
        lang: settings.output.lang,
        journal: Keeping::Memory,
        config_warnings: settings.warnings.clone(),
        ..DashOptions::default()
    };
    Ok(ServeOptions { host, port, body_limit, workers, remote: false, operator_token, dash })
}

/// The domain behind a backend; its policy is read again for every use, so that a new key counts at once.
pub(super) fn ops(context: &Context) -> Arc<Ops> {
    let (settings, env) = (context.settings.clone(), context.env.clone());
    let policy = move || {
        let bundle = settings.bundle_policy().map_err(|faults| faults.to_string())?;
        Ok(OpsPolicy {
            bundle,
            stale_policy: settings.pipeline.stale_policy,
            risk: RiskWindow {
                days: u64::from(settings.ops.risk_window_days),
                max_events: settings.ops.risk_max_events,
                exclude_prefixes: settings.ops.ticket_fail_exclude_prefixes.clone(),
            },
            lang: settings.output.lang,
            messenger: Messenger {
                settings: settings.messages(),
                secrets: MessageSecrets::read(&settings.root.join(layout::MESSAGE_SECRETS), &env),
            },
            quotes: quotes::source(&settings),
            order_min_value: settings.ops.order_min_value,
            portfolio_cash: settings.ops.portfolio_cash,
            heartbeat_max_age: settings.heartbeat.max_age,
        })
    };
    let clock: Arc<dyn crate::time::Clock> = Arc::<crate::time::SystemClock>::clone(&context.clock);
    Arc::new(Ops::new(context.store.clone(), clock, Box::new(policy)))
}

/// A backend inside this process, on a port that the system chose.
#[derive(Debug)]
pub(super) struct Embedded {
    server: Server,
}

impl Embedded {
    pub(super) fn start(context: &Context) -> Result<Self, Failure> {
        let host = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        let server = Server::start(ops(context), &options(&context.settings, host, 0, 1)?).map_err(told)?;
        Ok(Self { server })
    }

    pub(super) fn url(&self) -> String {
        self.server.url()
    }

    /// Where the events of a run against it go: into the spool, together with what its operations tell. What it observes
    /// is told by the next server of the workspace.
    pub(super) fn events(&self) -> EventsTo {
        let bus = Arc::clone(self.server.bus());
        // Nobody keeps a log here, so what waits for one is all of it.
        bus.feed().open();
        EventsTo::Spool(Beside::new(move || {
            let frames = bus.feed().take_all();
            frames.iter().map(|frame| frame.event.clone()).filter(|event| event.source == OPERATIONS).collect()
        }))
    }

    pub(super) fn stop(self) {
        self.server.stop();
    }
}
