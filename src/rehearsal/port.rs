//! Who listens on a port, as Linux tells it under `/proc`. Elsewhere, and for processes of other users, nobody knows.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use serde::Serialize;

/// How much of a command line is shown.
const COMMAND: usize = 300;
/// The state of a listening socket.
const LISTEN: &str = "0A";
/// The program.
const OURS: &str = "daily_ops";

/// A listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listening {
    /// Where it listens.
    pub(super) address: SocketAddr,
    inode: u64,
}

/// The process behind a listening socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Owner {
    /// Its number.
    pub(super) pid: u32,
    /// Its command line, cut to 300 characters.
    pub(super) command: String,
    /// Whether it is this program.
    pub(super) is_ours: bool,
    /// The workspace that it was started for, where that can be told.
    #[serde(skip)]
    pub(super) workspace: Option<PathBuf>,
}

/// Every listening TCP socket of this machine; `None` where the system does not tell.
#[must_use]
pub(super) fn listening() -> Option<Vec<Listening>> {
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let newer = std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    Some(rows(&table).chain(rows(&newer)).collect())
}

fn rows(table: &str) -> impl Iterator<Item = Listening> + '_ {
    table.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let local = words.next()?;
        let state = words.nth(1)?;
        let inode = words.nth(5)?.parse().ok()?;
        let (address, port) = local.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let address = SocketAddr::new(ip(address)?, port);
        (state == LISTEN).then_some(Listening { address, inode })
    })
}

/// An address as the kernel prints it: words of four bytes in the machine's own order.
fn ip(text: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: Vec<u8> = words.concat();
            Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into())
        }
        _ => None,
    }
}

/// Those that a connection to `address` reaches.
#[must_use]
pub(super) fn reached(all: &[Listening], address: SocketAddr) -> Vec<Listening> {
    let same = |at: &SocketAddr| {
        let unspecified = at.ip().is_unspecified() && (at.is_ipv6() || address.is_ipv4());
        at.port() == address.port() && (at.ip().to_canonical() == address.ip() || unspecified)
    };
    all.iter().filter(|socket| same(&socket.address)).cloned().collect()
}

/// The processes that hold the socket; none when they belong to somebody else.
#[must_use]
pub(super) fn owners(socket: &Listening) -> Vec<Owner> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let name = format!("socket:[{}]", socket.inode);
    pids.filter(|pid| holds(*pid, &name)).map(owner).collect()
}

fn holds(pid: u32, name: &str) -> bool {
    let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    open.flatten().any(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == name))
}

fn owner(pid: u32) -> Owner {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> = bytes
        .split(|b| *b == 0)
        .filter(|word| !word.is_empty())
        .map(|w| String::from_utf8_lossy(w).into_owned())
        .collect();
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let named = |path: &Path| path.file_name().is_some_and(|name| stem(&name.to_string_lossy()) == OURS);
    let is_ours = program.as_deref().is_some_and(named) || words.first().is_some_and(|word| named(Path::new(word)));
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let command = words.join(" ").chars().take(COMMAND).map(plain).collect();
    let workspace = is_ours.then(|| workspace(pid, &words)).flatten();
    Owner { pid, command, is_ours, workspace }
}

/// The name of a program that was replaced while it runs ends in a remark of the kernel.
fn stem(name: &str) -> &str {
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    name.strip_suffix(".exe").unwrap_or(name)
}

fn workspace(pid: u32, words: &[String]) -> Option<PathBuf> {
    let home = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    let flag = words.iter().position(|word| word == "--root").and_then(|at| words.get(at + 1).cloned());
    let flag = flag.or_else(|| words.iter().find_map(|word| word.strip_prefix("--root=").map(str::to_owned)));
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mut variables = environment.split(|b| *b == 0).map(String::from_utf8_lossy);
    let root = flag.or_else(|| variables.find_map(|pair| pair.strip_prefix("DAILY_OPS_ROOT=").map(str::to_owned)));
    home.join(root.unwrap_or_default()).canonicalize().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
        0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0\n   \
        1: 0100007F:1F40 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0 100 0 0 10 0\n   \
        2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0 100 0 0 10 0\n";

    #[cfg(target_endian = "little")]
    #[test]
    fn the_kernels_table_is_read() {
        let found: Vec<_> = rows(TABLE).map(|row| (row.address.to_string(), row.inode)).collect();
        assert_eq!(found, [("127.0.0.1:8000".to_owned(), 4711), ("0.0.0.0:80".to_owned(), 99)]);
        let six = ip("00000000000000000000000001000000").expect("an address");
        assert_eq!(six, IpAddr::V6(Ipv6Addr::LOCALHOST));
    }

    #[test]
    fn a_connection_reaches_its_address_and_those_that_listen_everywhere() {
        let at = |text: &str| Listening { address: text.parse().expect("an address"), inode: 1 };
        let all = ["127.0.0.1:8000", "0.0.0.0:8000", "127.0.0.1:8001", "[::]:8000", "[::1]:8000"].map(at);
        let to = |text: &str| reached(&all, text.parse().expect("an address")).len();
        assert_eq!([to("127.0.0.1:8000"), to("127.0.0.1:8001"), to("[::1]:8000"), to("127.0.0.1:9")], [3, 1, 2, 0]);
    }

    #[test]
    fn a_listener_of_this_process_has_this_process_as_its_owner() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
        let address = socket.local_addr().expect("an address");
        let Some(all) = listening() else { return };
        let found = reached(&all, address);
        assert_eq!(found.len(), 1);
        assert_eq!(owners(&found[0]).iter().map(|owner| owner.pid).collect::<Vec<_>>(), [std::process::id()]);
    }

    #[test]
    fn a_replaced_program_keeps_its_name() {
        for (name, want) in [("daily_ops", OURS), ("daily_ops (deleted)", OURS), ("daily_ops.exe", OURS), ("nc", "nc")]
        {
            assert_eq!(stem(name), want);
        }
    }
}
