//! What operators ask of the daemon itself: a reload, and what configuration is in force.

use std::time::Instant;

use super::config::{self, Change, Problems, Setting};
use super::reload::Running;
use super::service;
use crate::admin::answer;
use crate::admin::protocol::Failure;
use crate::auth::mint;
use crate::console::Errand;

impl Running {
    /// Does one errand. Whoever asked may have gone; it is done all the same.
    pub fn errand(&mut self, errand: Errand) {
        match errand {
            Errand::Reload(reply) => {
                service::reloading();
                let outcome = self.reload_for_operator();
                service::reloaded(outcome.is_ok());
                drop(reply.send(outcome));
            }
            Errand::Lockdown(level, span, reply) => {
                self.lock_down(level, span);
                drop(reply.send(self.shown_lockdown()));
            }
            Errand::Locked(reply) => drop(reply.send(self.shown_lockdown())),
            Errand::Config(reply) => drop(reply.send((self.loaded.sources.summary(), self.settings()))),
            // The loop that owns the rooms does these.
            Errand::Drain(_) | Errand::Shutdown(_) => {}
            Errand::Mint(claims, reply) => drop(reply.send(self.mint(claims))),
            Errand::Diff(reply) => drop(reply.send(self.diff())),
        }
    }

    fn reload_for_operator(&mut self) -> Result<answer::Reloaded, Failure> {
        let began = Instant::now();
        let changes = self.reload().map_err(|problems| invalid(&problems))?;
        let (applied, needs_restart) = sorted(&changes);
        Ok(answer::Reloaded { took_ms: began.elapsed().as_millis() as u64, applied, needs_restart })
    }

    fn diff(&self) -> Result<answer::Diff, Failure> {
        let fresh = config::load(&self.inputs).map_err(|problems| invalid(&problems))?;
        let outcome = self.loaded.reload(&fresh).map_err(|problems| invalid(&problems))?;
        let (reload, restart) = sorted(&outcome.changes);
        Ok(answer::Diff { reload, restart })
    }

    fn mint(&self, claims: mint::Claims) -> Result<String, Failure> {
        mint::mint(&self.loaded.config.auth, &self.state_dir, claims)
            .map_err(|error| Failure::refused("INVALID", error.to_string()))
    }

    fn settings(&self) -> Vec<answer::Setting> {
        let setting = |setting: Setting| answer::Setting {
            key: setting.key.into(),
            value: setting.value,
            default: setting.default.map(Into::into),
            origin: setting.origin,
            reloadable: setting.reloadable,
            kind: setting.kind,
        };
        self.loaded.sources.list().map(setting).collect()
    }
}

/// Those that were or would be applied, and those that need a restart.
fn sorted(changes: &[Change]) -> (Vec<answer::Change>, Vec<answer::Change>) {
    let of = |reloadable| {
        let some = changes.iter().filter(move |change| change.reloadable == reloadable);
        some.map(|change| answer::Change { key: change.key.into(), old: change.old.clone(), new: change.new.clone() })
    };
    (of(true).collect(), of(false).collect())
}

fn invalid(problems: &Problems) -> Failure {
    Failure::refused("INVALID", problems.to_string())
}
