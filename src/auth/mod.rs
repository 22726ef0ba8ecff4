//! Turns a token into an identity, or says why not.

pub mod config;
mod generated;
mod json;
mod jwks;
mod keys;
mod pem;

#[cfg(test)]
mod scratch;
