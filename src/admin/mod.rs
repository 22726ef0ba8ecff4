//! What `chatd` and `chatctl` say to each other over the admin socket: JSON-RPC 2.0, one object on each line.
//!
//! The daemon speaks first: a `hello` notification with its version and that of the protocol, or an error and the end of
//! the connection. Then each request is answered in its order. A request that asks for a stream is answered at once, and
//! `stream` notifications follow until its `end`, or until the client hangs up.
//!
//! | file | has |
//! |---|---|
//! | [`protocol`] | envelopes, errors, and the table of commands |
//! | [`request`] | what each command takes |
//! | [`answer`] | what each command answers |
//! | [`codec`] | from bytes to lines and back |
//! | [`socket`] | where the socket lies |
//! | [`words`] | why parameters do not fit |

// A client alone uses but one side of it.
#![cfg_attr(not(feature = "daemon"), allow(dead_code))]

pub mod answer;
pub mod codec;
pub mod protocol;
pub mod request;
pub mod socket;
pub mod words;
