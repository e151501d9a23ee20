//! Who asks: the token of a request, the role that it proves, and how often one peer may guess.

use std::collections::HashMap;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;

use super::guard::Refusal;
use crate::contracts::actor::Actor;
use crate::contracts::actor::Role;
use crate::contracts::token::ENVIRONMENT_TOKEN;
use crate::contracts::token::TokenHash;
use crate::gates::Gates;
use crate::gates::TokenFault;

/// Wrong tokens that one peer may show in [`MINUTE`].
const GUESSES: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);
/// Peers whose wrong tokens are counted at once.
const PEERS: usize = 4096;

/// Older names of the header; they hold the token alone.
const PLAIN_HEADERS: [&str; 2] = ["x-ops-token", "x-admin-api-key"];

const UNKNOWN_TOKEN: Refusal = Refusal {
    status: StatusCode::UNAUTHORIZED,
    code: "TOKEN_INVALID",
    message: "the token is not valid; make one with `daily_ops token create`",
};
/// There is no token, and one is needed.
pub(super) const NO_TOKEN: Refusal = Refusal {
    status: StatusCode::UNAUTHORIZED,
    code: "TOKEN_REQUIRED",
    message: "a token is needed here: send Authorization: Bearer <token>",
};
const TOO_MANY: Refusal = Refusal {
    status: StatusCode::TOO_MANY_REQUESTS,
    code: "TOO_MANY_WRONG_TOKENS",
    message: "too many wrong tokens from this address, try again in a minute",
};
/// A token is needed, and none could be right.
pub(super) const NOT_CONFIGURED: Refusal = Refusal {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "AUTH_NOT_CONFIGURED",
    message: "a token is needed here and none is configured: set OPS_TOKEN, make one with `daily_ops token create`, or \
              look why state/ops_token could not be made",
};
pub(super) const ROLE_TOO_LOW: Refusal =
    Refusal { status: StatusCode::FORBIDDEN, code: "ROLE_TOO_LOW", message: "the token's role may not do this" };

/// From where requests may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// This machine: reads are open, and whoever asks without a token is a person of this machine.
    Loopback,
    /// Other machines: everything but GET /health needs a token.
    Remote,
}

/// The judge of tokens.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) reach: Reach,
    extra: Option<TokenHash>,
    guesses: Mutex<HashMap<IpAddr, (u32, Duration)>>,
}

impl Access {
    pub(super) fn new(reach: Reach, extra: Option<TokenHash>) -> Self {
        Self { reach, extra, guesses: Mutex::default() }
    }

    /// Whether there is a token at all that could open the door.
    pub(super) fn has_tokens(&self, gates: &Gates<'_>) -> Result<bool, TokenFault> {
        Ok(self.extra.is_some() || gates.tokens()?.in_force().next().is_some())
    }

    /// Whether a request shows a token at all, right or wrong.
    pub(super) fn shows_token(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(header::AUTHORIZATION) || PLAIN_HEADERS.iter().any(|name| headers.contains_key(*name))
    }

    /// Who asks, by the token of the request or by the machine that it comes from. `since` is a time that never jumps.
    pub(super) fn actor(
        &self,
        headers: &HeaderMap,
        peer: IpAddr,
        gates: &Gates<'_>,
        since: Duration,
    ) -> Result<Actor, Refusal> {
        let from = format!("http {peer}");
        if !self.shows_token(headers) {
            return match self.reach {
                Reach::Loopback => Ok(Actor::new("local_api", Role::Admin, from)),
                Reach::Remote => Err(NO_TOKEN),
            };
        }
        // The right token first: wrong ones from the same address, as behind one proxy, must not lock its holder out.
        if let Some((name, role)) = bearer(headers).and_then(|token| self.holder(token, gates)) {
            return Ok(Actor::proved(name, role, from));
        }
        let key = counted_as(peer);
        if self.is_limited(key, since) {
            return Err(TOO_MANY);
        }
        tracing::warn!(%peer, "a request showed a token that is not valid");
        self.count(key, since);
        Err(UNKNOWN_TOKEN)
    }

    /// Whose a token is. Hashes are compared, not tokens: how long a comparison takes tells about the hash of a guess, from
    /// which nobody gets closer to a token.
    fn holder(&self, token: &str, gates: &Gates<'_>) -> Option<(String, Role)> {
        let hash = TokenHash::of(token);
        if self.extra.as_ref() == Some(&hash) {
            return Some((ENVIRONMENT_TOKEN.to_owned(), Role::Operator));
        }
        match gates.tokens() {
            Ok(tokens) => tokens.find(&hash).map(|row| (row.name.clone(), row.role)),
            Err(fault) => {
                tracing::error!(%fault, "tokens cannot be checked");
                None
            }
        }
    }

    fn is_limited(&self, peer: IpAddr, since: Duration) -> bool {
        let guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        match guesses.get(&peer) {
            Some((count, start)) => *count >= GUESSES && since.saturating_sub(*start) < MINUTE,
            None => false,
        }
    }

    fn count(&self, peer: IpAddr, since: Duration) {
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        if guesses.len() >= PEERS {
            guesses.retain(|_, (_, start)| since.saturating_sub(*start) < MINUTE);
        }
        if guesses.len() >= PEERS && !guesses.contains_key(&peer) {
            // More peers guess at once than are counted: somebody has many addresses, and counting them would not help.
            return;
        }
        let (count, start) = guesses.entry(peer).or_insert((0, since));
        if since.saturating_sub(*start) >= MINUTE {
            (*count, *start) = (0, since);
        }
        *count += 1;
    }
}

/// One machine has a whole /64 of addresses, and is counted once.
fn counted_as(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() >> 64 << 64)),
        four => four,
    }
}

/// The token of exactly one well-formed header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let plain: Vec<_> = PLAIN_HEADERS.iter().flat_map(|name| headers.get_all(*name)).collect();
    if !headers.contains_key(header::AUTHORIZATION) {
        let [only] = plain.as_slice() else { return None };
        return only.to_str().ok().map(str::trim).filter(|token| !token.is_empty());
    }
    if !plain.is_empty() {
        return None;
    }
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use axum::http::HeaderValue;

    fn with(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_one_well_formed_bearer_header_is_a_token() {
        let cases: [(&str, &[&'static str], Option<&str>); 8] = [
            ("plain", &["Bearer abc"], Some("abc")),
            ("any case, more blanks", &["bEARER   abc "], Some("abc")),
            ("none", &[], None),
            ("no scheme", &["abc"], None),
            ("another scheme", &["Basic abc"], None),
            ("no token", &["Bearer "], None),
            ("two", &["Bearer abc", "Bearer abc"], None),
            ("empty", &[""], None),
        ];
        for (name, values, want) in cases {
            assert_eq!(bearer(&with(values)), want, "{name}");
        }
    }

    #[test]
    fn twenty_wrong_tokens_a_minute_close_the_door_for_more_wrong_ones_of_their_peer() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let gates = Gates::new(&store);
        let access = Access::new(Reach::Loopback, Some(TokenHash::of("the-right-token-1")));
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let ask = |peer, text, seconds| {
            let asked = access.actor(&with(&[text]), peer, &gates, Duration::from_secs(seconds));
            asked.map(|actor| actor.name).map_err(|refusal| refusal.status.as_u16())
        };
        for _ in 0..GUESSES {
            assert_eq!(ask(one, "Bearer wrong", 100), Err(401));
        }
        assert_eq!(ask(one, "Bearer wrong", 101), Err(429));
        assert_eq!(ask(one, "Bearer the-right-token-1", 102).as_deref(), Ok("OPS_TOKEN"), "never the right one");
        assert_eq!(ask(one, "Bearer wrong", 159), Err(429), "which does not open the door for wrong ones");
        assert_eq!(ask(other, "Bearer wrong", 101), Err(401));
        assert_eq!(ask(other, "Bearer the-right-token-1", 101).as_deref(), Ok("OPS_TOKEN"));
        assert_eq!(ask(one, "Bearer the-right-token-1", 160).as_deref(), Ok("OPS_TOKEN"));
        assert_eq!(ask(one, "Bearer wrong", 160), Err(401), "counted from the start again");
        let six = |low: u128| IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8_u128 << 96 | low));
        assert_eq!(counted_as(six(1)), counted_as(six(2)));
        let mapped = std::net::Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped();
        assert_eq!(counted_as(IpAddr::V6(mapped)), one);
    }
}
