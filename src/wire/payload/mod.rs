//! What travels: requests as clients send them, and the shapes that the server sends.

mod fields;
pub mod encode;
pub mod handshake;
pub mod request;
