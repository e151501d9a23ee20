//! `daily_ops demo dashboard` and `daily_ops check dashboard`: the demo of the live page and the diagnosis of its failures.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::path::Path;

use super::args::CheckDashboardArgs;
use super::args::DashboardDemoArgs;
use super::args::DemoSpeed;
use super::args::Language;
use super::context::Context;
use super::exit::Failure;
use super::output::Output;
use crate::rehearsal::Browser;
use crate::rehearsal::demo::Audience;
use crate::rehearsal::demo::Demo;
use crate::rehearsal::demo::KillPart;
use crate::rehearsal::demo::Patience;
use crate::rehearsal::demo::Pictures;
use crate::rehearsal::demo::Speed;
use crate::rehearsal::demo::perform;
use crate::rehearsal::diagnosis::Class;
use crate::rehearsal::diagnosis::Diagnosis;
use crate::rehearsal::diagnosis::Patient;
use crate::rehearsal::diagnosis::Waits;
use crate::rehearsal::diagnosis::absolute;
use crate::rehearsal::diagnosis::examine;
use crate::rehearsal::visit::BaseUrl;
use crate::rehearsal::visit::Key;
use crate::rehearsal::visit::Showing;
use crate::settings::Lang;
use crate::settings::Origin;
use crate::settings::Secret;
use crate::store::Store;
use crate::store::layout;

/// The shortest token.
const TOKEN_BYTES: usize = 16;

/// Speaks to people: checks on standard output, the rest on standard error. A JSON result stands alone on standard output.
struct Hall<'a>(&'a Output);

impl Audience for Hall<'_> {
    fn say(&mut self, line: &str) {
        self.0.story(line);
    }

    fn check(&mut self, line: &str) {
        if self.0.is_json() {
            self.0.story(line);
        } else {
            self.0.line(line);
        }
    }

    fn alarm(&mut self, line: &str) {
        self.0.remark(line);
    }
}

pub(super) fn demo(context: &Context, args: &DashboardDemoArgs, output: &Output) -> Result<u8, Failure> {
    let base = base(context, args.base_url.as_deref())?;
    let pictures = pictures(context, args, output)?;
    context.heed_signals()?;
    let known = known_tokens(context);
    // What is told of files is to be found from anywhere.
    let store = Store::new(absolute(context.store.root()));
    let demo = Demo {
        key: key(context, &base, args.token_file.as_deref())?,
        base,
        secrets: known,
        lang: match args.lang {
            Some(Language::Ko) => Lang::Ko,
            Some(Language::En) => Lang::En,
            None => context.settings.output.lang,
        },
        speed: match args.speed {
            DemoSpeed::Real => Speed::Real,
            DemoSpeed::Fast => Speed::Fast,
        },
        kill: if args.with_kill { KillPart::Shown } else { KillPart::Left },
        pictures,
        operator: args.operator.clone().filter(|name| !name.trim().is_empty()),
        host: host(context),
        store: &store,
        log: context.settings.dashboard.log.clone(),
        evidence: args.evidence_dir.as_deref().map(absolute),
        clock: context.clock.as_ref(),
        interrupted: &context.interrupted,
        patience: Patience::default(),
    };
    let outcome = perform(&demo, &mut Hall(output));
    output.result(&outcome, || outcome.lines());
    Ok(outcome.exit_code)
}

pub(super) fn check(context: &Context, args: &CheckDashboardArgs, output: &Output) -> Result<u8, Failure> {
    let base = base(context, args.base_url.as_deref())?;
    let lang = context.settings.output.lang;
    let store = Store::new(absolute(context.store.root()));
    let patient = Patient {
        key: key(context, &base, args.token_file.as_deref())?,
        base,
        bind: context.settings.serve.bind,
        store: &store,
        log: context.settings.dashboard.log.clone(),
        lang,
        waits: Waits::default(),
    };
    let found = examine(&patient);
    output.result(&found, || found.diagnoses.iter().flat_map(|diagnosis| lines(diagnosis, lang)).collect());
    Ok(found.exit_code)
}

fn lines(found: &Diagnosis, lang: Lang) -> Vec<String> {
    let mark = match found.class {
        Class::Fine => "✓",
        Class::Note => "⚠️",
        Class::Finding => "❌",
        Class::Unseen => "–",
    };
    let word = |ko: &'static str, en: &'static str| if lang == Lang::Ko { ko } else { en };
    let verdict = if found.class == Class::Fine { word("정상", "fine") } else { found.verdict };
    let mut lines = vec![format!("{mark} {} {}: {verdict} - {}", found.id, found.title, found.text)];
    lines.extend(found.looked.iter().map(|look| format!("    {}: {}", look.what, look.saw)));
    if found.class == Class::Fine {
        return lines;
    }
    let steps = found.remedy.iter().enumerate();
    lines.extend(steps.map(|(index, step)| format!("  {} {}: {step}", word("조치", "remedy"), index + 1)));
    lines.push(format!("  {}: {}", word("해결 확인", "verified when"), found.verified_when));
    lines.push(format!("  {}: {}", word("청중에게", "say"), found.say));
    lines
}

/// The address that was named; else where `serve` listens by the same settings, if they name that; else the backend's.
fn base(context: &Context, named: Option<&str>) -> Result<BaseUrl, Failure> {
    let bound = named.is_none().then(|| bound(context)).flatten();
    BaseUrl::parse(named.or(bound.as_deref()).unwrap_or(&context.settings.api_url)).map_err(Failure::Usage)
}

fn bound(context: &Context) -> Option<String> {
    let bind = context.settings.serve.bind;
    let mut rows = context.settings.rows().into_iter();
    let is_named = rows.any(|row| row.key == "serve.bind" && row.origin != Origin::Default);
    // One that listens everywhere is visited here; a port that the system chooses is not known.
    let at = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::from((Ipv4Addr::LOCALHOST, bind.port())),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::from((Ipv6Addr::LOCALHOST, bind.port())),
        IpAddr::V4(_) | IpAddr::V6(_) => bind,
    };
    (is_named && bind.port() != 0).then(|| format!("http://{at}"))
}

fn pictures(context: &Context, args: &DashboardDemoArgs, output: &Output) -> Result<Pictures, Failure> {
    if !args.screenshots {
        return Ok(Pictures::ByHand);
    }
    let named = match context.settings.dashboard.browser.as_slice() {
        [] => None,
        [one] => Some(one.as_path()),
        _ => return Err(Failure::Usage("OPS_BROWSER names several browsers; name one".to_owned())),
    };
    Ok(Browser::find(named).map_or_else(
        || {
            output.remark("⚠️ no Chromium was found (OPS_BROWSER, PATH): the pictures are left to a person");
            Pictures::ByHand
        },
        Pictures::Taken,
    ))
}

/// The token to show: a named file's with every call; the workspace's own only where it belongs, which is this machine's
/// server or the configured one, and there only where one is needed.
fn key(context: &Context, base: &BaseUrl, file: Option<&Path>) -> Result<Option<Key>, Failure> {
    if let Some(file) = file {
        return Ok(Some(Key { secret: from_file(file)?, showing: Showing::Always }));
    }
    let is_configured = BaseUrl::parse(&context.settings.api_url).as_ref() == Ok(base)
        || bound(context).is_some_and(|bound| BaseUrl::parse(&bound).as_ref() == Ok(base));
    if !base.is_local() && !is_configured {
        return Ok(None);
    }
    let showing = if context.settings.serve.remote { Showing::Always } else { Showing::WhenNeeded };
    Ok(known_tokens(context).into_iter().next().map(|secret| Key { secret, showing }))
}

/// The tokens of the workspace in the order in which the server believes them. One that cannot be read is not shown: the
/// server refuses the call and says so.
fn known_tokens(context: &Context) -> Vec<Secret> {
    let configured = context.settings.operator_token().ok().flatten();
    let made = context.store.read_secret(layout::OPS_TOKEN).ok().flatten();
    let made = made.and_then(|bytes| String::from_utf8(bytes).ok()).map(|text| Secret::new(text.trim()));
    configured.into_iter().chain(made.filter(|token| token.expose().len() >= TOKEN_BYTES)).collect()
}

fn from_file(file: &Path) -> Result<Secret, Failure> {
    let no = |why: &str| Failure::Usage(format!("--token-file {}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|fault| no(&fault.to_string()))?;
    let token = text.trim();
    let is_sound = token.len() >= TOKEN_BYTES && token.bytes().all(|b| b.is_ascii_graphic());
    if is_sound { Ok(Secret::new(token)) } else { Err(no("a token has 16 or more printable characters on one line")) }
}

/// The name of this machine.
fn host(context: &Context) -> String {
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let named = named.or_else(|| ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|key| context.env.get(*key).cloned()));
    named.map(|name| name.trim().to_owned()).unwrap_or_else(|| "unknown".to_owned())
}
