//! `chatctl token`.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args as Arguments, Subcommand};
use serde_json::Value;

use super::client::decode;
use super::error::Error;
use super::fields::Fields;
use super::format::{ago, clean, parse_span};
use super::output::Tint;
use super::user::report;
use super::{Desk, beside, text};
use crate::admin::answer::{Minted, Revoked, Verified};
use crate::admin::protocol;
use crate::admin::request;

/// Tokens that let users in: made to try things out, looked at, taken back
#[derive(Debug, Subcommand)]
pub enum Command {
    Mint(Mint),
    /// Whom a token lets in, or why it does not: exit status 1 then
    Verify {
        /// The token; `-` reads it from standard input, where `ps` does not see it
        #[arg(default_value = "-")]
        token: String,
    },
    Revoke(Revoke),
}

/// Mint a token with the daemon's own secret; works without a daemon too
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl token mint --user alice
  chatctl token mint --user alice --name Alice --role admin --ttl 1h --claim tenant=acme")]
pub struct Mint {
    /// Whom the token is for
    #[arg(long)]
    user: String,
    /// The user's name, as others see it
    #[arg(long)]
    name: Option<String>,
    /// A role of the user; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// How long the token is valid
    #[arg(long, value_name = "SPAN", default_value = "30d", value_parser = parse_span)]
    ttl: Duration,
    /// A further claim; a value that is JSON is taken as such, any other as a string; may be repeated
    #[arg(long = "claim", value_name = "KEY=VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// Where no daemon runs: the configuration whose secret signs
    #[arg(long, value_name = "FILE")]
    config: Option<OsString>,
    /// Where no daemon runs: the state directory, with the secret that a daemon made for itself
    #[arg(long, value_name = "DIR")]
    state_dir: Option<OsString>,
}

/// Let a token, or all tokens that a user has by now, count no more; who lives by them is disconnected
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:
  chatctl token revoke --user mallory
  chatctl token revoke 5f0c4a3e-…        the id (`jti`) of a token
  chatctl token revoke - < token.txt     the token itself")]
pub struct Revoke {
    /// A token's id, or the token; `-` reads it from standard input
    #[arg(required_unless_present = "user", conflicts_with = "user")]
    token: Option<String>,
    /// All tokens of this user that were issued until now
    #[arg(long)]
    user: Option<String>,
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("expected KEY=VALUE")?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into())))
}

pub fn run(desk: &Desk, command: Command) -> Result<(), Error> {
    match command {
        Command::Mint(args) => mint(desk, args),
        Command::Verify { token } => verify(desk, &token),
        Command::Revoke(args) => revoke(desk, args),
    }
}

fn mint(desk: &Desk, args: Mint) -> Result<(), Error> {
    let mut client = match desk.connect() {
        Err(Error::Unreachable(_)) if !desk.output.json => return mint_alone(args),
        connected => connected?,
    };
    let request = request::TokenMint {
        user: args.user,
        name: args.name,
        roles: args.roles,
        seconds: args.ttl.as_secs(),
        claims: args.claims.into_iter().collect(),
    };
    let answer = client.ask(&protocol::Command::TokenMint(request))?;
    if desk.output.json {
        desk.output.document(&answer);
        return Ok(());
    }
    let Minted { token } = decode(answer)?;
    desk.output.line(&token);
    Ok(())
}

/// By the `chatd` beside, which reads the configuration and its secret as the daemon would.
fn mint_alone(args: Mint) -> Result<(), Error> {
    let mut arguments: Vec<OsString> = vec!["token".into(), "--user".into(), args.user.into()];
    let mut option = |name: &str, value: OsString| arguments.extend([name.into(), value]);
    option("--ttl", format!("{}s", args.ttl.as_secs()).into());
    args.name.into_iter().for_each(|name| option("--name", name.into()));
    args.roles.into_iter().for_each(|role| option("--role", role.into()));
    args.claims.into_iter().for_each(|(name, value)| option("--claim", format!("{name}={value}").into()));
    args.config.into_iter().for_each(|file| option("--config", file));
    args.state_dir.into_iter().for_each(|directory| option("--state-dir", directory));
    beside::run(arguments)
}

fn verify(desk: &Desk, token: &str) -> Result<(), Error> {
    let request = request::TokenVerify { token: text::read(token)? };
    let answer = desk.connect()?.ask(&protocol::Command::TokenVerify(request))?;
    let verified: Verified = decode(answer.clone())?;
    let refusal = verified.refusal.clone().filter(|_| !verified.valid);
    if desk.output.json {
        desk.output.document(&answer);
        return refusal.map_or(Ok(()), |_| Err(Error::Said(1)));
    }
    if let Some(refusal) = refusal {
        return Err(Error::failed(clean(&refusal)));
    }
    desk.output.done("the token lets in");
    let mut fields = Fields::new(&desk.output);
    let text = |value: &Option<String>| value.as_deref().map_or_else(|| "none".into(), clean);
    fields.row("user", desk.output.tint(Tint::Strong, &text(&verified.user)));
    fields.row("name", text(&verified.name));
    fields.row("roles", clean(&verified.roles.join(", ")));
    fields.row("token id", text(&verified.token_id));
    fields.row("issued", verified.issued_at.as_deref().map_or_else(|| "not said".into(), ago));
    fields.row("ends", verified.expires_at.as_deref().map_or_else(|| "never".into(), ago));
    Ok(())
}

fn revoke(desk: &Desk, args: Revoke) -> Result<(), Error> {
    let token = args.token.as_deref().map(text::read).transpose()?;
    let request = request::TokenRevoke { token, user: args.user };
    let answer = desk.connect()?.ask(&protocol::Command::TokenRevoke(request))?;
    report(desk, answer, |revoked: Revoked| match (revoked.token_id, revoked.user) {
        (Some(id), Some(user)) => format!("the token {id} of {user} counts no more"),
        (Some(id), None) => format!("the token {id} counts no more"),
        (None, user) => format!("no token that {} has by now counts any more", user.unwrap_or_default()),
    })
}
