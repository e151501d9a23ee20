//! The door: one match from a command to its flow, the real clock, and the exit code.

mod args;
mod audit;
mod check;
mod context;
mod dashboard;
mod demo;
mod exit;
mod history;
mod output;
mod pc;
mod quotes;
mod rollback;
mod run;
pub mod schedule;
mod schedule_command;
mod serve;
mod switches;
mod token;
mod watch;
mod workspace;

use clap::CommandFactory as _;
use clap::Parser as _;
use clap::error::ErrorKind;

pub use exit::FAULT;

use args::Cli;
use args::Command;
use context::Context;
use exit::Failure;
use output::Form;
use output::Output;

/// Runs the program with the process's own arguments and gives its exit code: 0, 2, 3 or 64.
#[must_use]
pub fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(fault) => return told_by_clap(&fault),
    };
    let form = if cli.global.json { Form::Json } else { Form::Text };
    let mut output = Output::new(form, cli.global.quiet);
    let Some(command) = cli.command else {
        output.line(Cli::command().render_help().to_string().trim_end());
        return exit::DONE;
    };
    match dispatch(command, &cli.global, &mut output) {
        Ok(code) => code,
        Err(failure) => {
            output.remark(&format!("{}: {}", failure.word(), failure.text()));
            if output.is_json() {
                say_failure(&output, &failure);
            }
            failure.code()
        }
    }
}

/// The document in place of a result.
fn say_failure(output: &Output, failure: &Failure) {
    output.document(&serde_json::json!({
        "schema": "DAILY_OPS_FAILURE_V1",
        "result": failure.word().to_uppercase(),
        "message": failure.text(),
        "exit_code": failure.code(),
    }));
}

/// Help and version are results; everything else is wrong usage. clap's own code 2 would read as "blocked".
fn told_by_clap(fault: &clap::Error) -> u8 {
    // A reader that has gone away is no fault.
    drop(fault.print());
    let asked = matches!(
        fault.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if asked && fault.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return exit::DONE;
    }
    // The arguments could not be read, so whether JSON is wanted is looked up in them as they are.
    if std::env::args_os().any(|arg| arg == "--json") {
        let first = fault.to_string().lines().next().unwrap_or_default().to_owned();
        say_failure(&Output::new(Form::Json, true), &Failure::Usage(first));
    }
    exit::USAGE
}

fn dispatch(command: Command, global: &args::Global, output: &mut Output) -> Result<u8, Failure> {
    // Making a workspace and the demo need no settings of an existing one.
    if let Command::Init { dir, pc } = &command {
        let role = if *pc { workspace::Role::Pc } else { workspace::Role::Any };
        return workspace::init(dir, role, output);
    }
    if let Command::Demo { what: args::DemoCommand::Handoff { dir } } = command {
        return demo::handoff(dir, output);
    }
    // The research PC's commands work on named files too, without a workspace.
    if let Command::Pc { what } = command {
        return pc::pc(what, global, output);
    }
    let is_run = matches!(command, Command::Run(_));
    let mut context = Context::load(global).inspect_err(|_| {
        if is_run {
            context::prove_usage_fault(global);
        }
    })?;
    output.set_log_format(context.settings.output.log_format);
    match command {
        Command::Run(args) => run::run(&mut context, &args, output),
        Command::Serve(args) => serve::serve(&mut context, &args, output),
        Command::Check { what } => check::check(&mut context, what, output),
        Command::Runs { what } => history::runs(&context, what, output),
        Command::Explain { run, lang } => history::explain_run(&context, &run, lang, output),
        Command::Rollback { what } => rollback::rollback(&context, what, output),
        Command::Gate { what } => switches::gate(&context, what, output),
        Command::Sender { what } => switches::sender(&context, what, output),
        Command::Stop { what } => switches::stop(&context, what, output),
        Command::Token { what } => token::token(&context, what, output),
        Command::Audit { what } => audit::audit(&context, what, output),
        Command::Schedule { what } => schedule_command::schedule(&context, what, output),
        Command::Watch { what } => watch::watch(&context, what, output),
        Command::Config { what: args::ConfigCommand::Show } => workspace::config(&context, output),
        Command::Store { what } => workspace::store(&context, what, output),
        Command::Demo { what: args::DemoCommand::Dashboard(args) } => dashboard::demo(&context, &args, output),
        Command::Init { .. } | Command::Demo { .. } | Command::Pc { .. } => Ok(exit::DONE),
    }
}
