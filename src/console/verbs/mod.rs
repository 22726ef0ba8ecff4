//! The commands, grouped by what they are about.

pub mod connection;
pub mod conversation;
pub mod doctor;
pub mod follow;
pub mod message;
pub mod near;
pub mod person;
pub mod plugin;
mod probe;
pub mod review;
mod round_trip;
pub mod status;
pub mod store;
pub mod token;
pub mod user;
pub mod webhook;
