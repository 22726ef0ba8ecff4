//! Who is connected to this node, with which devices, and what each device follows.

pub mod outlet;
pub mod packet;
