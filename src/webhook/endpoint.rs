//! One webhook as it is used: made from its table, or everything that is wrong with it said.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Url, redirect};

use super::config::Config;
use super::guard::{self, Only};
use super::kind::Kinds;
use super::sign::Signer;

/// How long a connection that nothing is sent over is kept.
const IDLE: Duration = Duration::from_secs(60);

pub struct Endpoint {
    pub name: String,
    pub url: Url,
    pub kinds: Kinds,
    pub signer: Signer,
    pub client: Client,
    pub concurrency: usize,
    pub retry_delay: Duration,
    pub retry_for: Duration,
}

/// What is wrong with the table at this index.
#[derive(Debug, PartialEq, Eq)]
pub struct Flaw {
    pub index: usize,
    pub message: String,
}

/// The webhooks of the configuration.
///
/// # Errors
/// All that is wrong with any of them.
pub fn prepare(configs: &[Config]) -> Result<Vec<Arc<Endpoint>>, Vec<Flaw>> {
    let mut endpoints: Vec<Arc<Endpoint>> = Vec::new();
    let mut flaws = Vec::new();
    for (index, config) in configs.iter().enumerate() {
        match endpoint(config) {
            Ok(endpoint) if endpoints.iter().any(|other| other.name == endpoint.name) => {
                let message = format!("two are called `{}`: give one of them another `name`", endpoint.name);
                flaws.push(Flaw { index, message });
            }
            Ok(endpoint) => endpoints.push(Arc::new(endpoint)),
            Err(message) => flaws.push(Flaw { index, message }),
        }
    }
    if flaws.is_empty() { Ok(endpoints) } else { Err(flaws) }
}

fn endpoint(config: &Config) -> Result<Endpoint, String> {
    let url = permitted(&config.url, config.allow_private)?;
    let name = config.name.clone().unwrap_or_else(|| url.host_str().unwrap_or_default().to_owned());
    let kinds = config.events.iter().fold(Kinds::default(), |all, pattern| all.and(Kinds::matching(pattern)));
    let client = client(&url, config).map_err(|error| format!("`{name}`: no HTTP client: {error}"))?;
    Ok(Endpoint {
        signer: signer(config).map_err(|why| format!("`{name}`: {why}"))?,
        kinds,
        client,
        concurrency: config.concurrency as usize,
        retry_delay: config.retry_delay.0,
        retry_for: config.retry_for.0,
        name,
        url,
    })
}

fn permitted(text: &str, allow_private: bool) -> Result<Url, String> {
    let url =
        Url::parse(text).map_err(|_| "`url` must be a URL such as \"https://app.example.com/chat\"".to_owned())?;
    let refuse = |why: &str| Err(format!("`url` {why}"));
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("must not hold a user name or password");
    }
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    if literal.is_some_and(|address| !guard::is_public(address)) && !allow_private {
        return refuse("leads to a private address: that needs `allow_private = true`");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if allow_private && literal.is_none_or(|address| !guard::is_public(address)) => Ok(url),
        "http" if allow_private => refuse("must be https: http is for private addresses"),
        "http" => refuse("must be https; http is for private addresses, with `allow_private = true`"),
        _ => refuse("must be https"),
    }
}

fn signer(config: &Config) -> Result<Signer, String> {
    let file = match &config.secret_file {
        Some(path) => read(path)?,
        None => String::new(),
    };
    let secrets = config.secret.0.iter().map(String::as_str).chain(file.split_whitespace());
    let signer = Signer::new(secrets).map_err(|error| format!("a secret {error}"))?;
    if signer.is_empty() {
        return Err("needs `secret` or `secret_file`; make one: echo \"whsec_$(openssl rand -base64 32)\"".into());
    }
    Ok(signer)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("`secret_file` {}: {error}", path.display()))
}

fn client(url: &Url, config: &Config) -> Result<Client, reqwest::Error> {
    let timeout = config.timeout.0;
    let mut client = Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout)
        .redirect(redirect::Policy::none())
        // A proxy would look names up by itself, and reach what it likes.
        .no_proxy()
        .pool_max_idle_per_host(config.concurrency as usize)
        .pool_idle_timeout(IDLE)
        .user_agent(concat!("chatd/", env!("CARGO_PKG_VERSION")));
    if !config.allow_private {
        client = client.dns_resolver(Arc::new(Only::Public));
    } else if url.scheme() == "http" {
        client = client.dns_resolver(Arc::new(Only::Private));
    }
    if url.scheme() == "http" {
        // The system's certificates are not needed then, and need not be installed.
        client = client.tls_certs_only([]);
    }
    client.build()
}
