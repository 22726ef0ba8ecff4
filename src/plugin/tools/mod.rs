//! What authors of plugins work with, as functions: `chatctl plugin` calls them, with no daemon.

pub mod check;
