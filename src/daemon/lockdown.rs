//! A lockdown: limits that are tighter than the configuration's, for a while.

use std::sync::Arc;
use std::time::Duration;

use super::reload::Running;
use crate::admin::answer;
use crate::domain::time::Time;
use crate::session::config::Config;

/// How tight, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lockdown {
    pub level: u8,
    pub until: Time,
}

impl Running {
    /// Tightens the limits, or with level 0 gives them back.
    pub fn lock_down(&mut self, level: u8, span: Duration) {
        self.lockdown = (level > 0).then(|| Lockdown { level, until: Time::now().saturating_add(span) });
        tracing::warn!(lockdown.level = level, lockdown.span = ?span, "lockdown");
        self.apply_limits();
    }

    /// Ends a lockdown whose time is over. Called once a second.
    pub fn end_lockdown(&mut self) {
        if self.lockdown.is_some_and(|lockdown| lockdown.until <= Time::now()) {
            self.lockdown = None;
            tracing::info!("the lockdown has ended by itself");
            self.apply_limits();
        }
    }

    /// Sets the limits of the configuration, as tight as the lockdown has them.
    pub fn apply_limits(&self) {
        let limits = self.loaded.config.limits.clone();
        let limits = self.lockdown.map_or(limits.clone(), |lockdown| tightened(limits, lockdown.level));
        self.live.limits.store(Arc::new(limits));
    }

    pub fn shown_lockdown(&self) -> answer::Lockdown {
        let level = self.lockdown.map_or(0, |lockdown| lockdown.level);
        answer::Lockdown { level, until: self.lockdown.map(|lockdown| lockdown.until.to_string()) }
    }
}

/// The limits at a level. Whatever the configuration says, no level lets more through than the one below.
fn tightened(limits: Config, level: u8) -> Config {
    let part = |limit: u32, of: u32| (limit / of).max(1);
    // A count of 0 means that there is no limit.
    let at_most = |limit: u32, most: u32| if limit == 0 { most } else { limit.min(most) };
    let of = if level == 1 { 2 } else { 5 };
    let tight = Config {
        events_per_second: part(limits.events_per_second, of),
        burst: part(limits.burst, of),
        connects_per_second_per_ip: at_most(limits.connects_per_second_per_ip, if level == 1 { 5 } else { 2 }),
        ..limits
    };
    match level {
        1 => tight,
        2 => Config {
            messages_per_second: at_most(tight.messages_per_second, 1),
            connections_per_user: at_most(tight.connections_per_user, 4),
            ..tight
        },
        // Those who are in stay in; there is no place for anybody else.
        _ => Config { connections: 1, ..tightened(tight, 2) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_is_tighter_than_the_one_before() {
        let open = Config { messages_per_second: 0, connects_per_second_per_ip: 0, ..Config::default() };
        let one = tightened(open.clone(), 1);
        assert_eq!((one.events_per_second, one.burst, one.connects_per_second_per_ip), (5, 10, 5));
        assert_eq!(one.messages_per_second, 0);
        let two = tightened(open.clone(), 2);
        assert_eq!((two.events_per_second, two.messages_per_second, two.connections_per_user), (2, 1, 4));
        assert_eq!(tightened(open, 3).connections, 1);
        let strict = Config { events_per_second: 1, connections_per_user: 2, ..Config::default() };
        assert_eq!(tightened(strict.clone(), 2).events_per_second, 1);
        assert_eq!(tightened(strict, 2).connections_per_user, 2);
    }
}
