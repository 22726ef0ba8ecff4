//! What travels: requests as clients send them, and the shapes that the server sends.

pub mod encode;
pub mod fields;
pub mod handshake;
pub mod request;
