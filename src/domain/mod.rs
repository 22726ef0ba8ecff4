//! Users, conversations, messages, roles, events and the rules about them.
//!
//! This room never awaits and does no input or output. Every other room may import it; it imports none.

pub mod access;
pub mod conversation;
pub mod custom;
pub mod error;
pub mod event;
pub mod hooks;
pub mod id;
pub mod mention;
pub mod message;
pub mod notification;
pub mod presence;
pub mod sanction;
pub mod time;
pub mod units;
