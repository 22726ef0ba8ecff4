//! What a script has at hand while one of its hooks runs. There is one engine for each thread, so the functions of the
//! host find it by the thread.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rhai::Dynamic;

use super::api::{Failed, Timers};
use super::script::Script;
use crate::domain::hooks::{Deed, Directory, Effect, MAX_DEPTH, Origin};
use crate::domain::time::Time;

/// Effects of one call at most.
pub const MAX_EFFECTS: usize = 32;
/// Timers of one plugin at most.
pub const MAX_TIMERS: usize = 64;

/// What time it is for a script.
#[derive(Clone)]
pub enum Clock {
    System,
    /// Of a test, which moves it by hand.
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// Milliseconds since 1970.
    pub fn now(&self) -> i64 {
        match self {
            Clock::System => Time::now().0,
            Clock::Set(at) => at.load(Ordering::Relaxed),
        }
    }
}

/// A verdict as a script has it in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Deny { code: Option<String>, text: String },
    Silent,
    Hold { reason: String },
    Answer { text: String },
}

/// What `timer::every` and `timer::after` asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    pub name: String,
    pub span: Duration,
    pub repeats: bool,
}

/// What the host lends to scripts.
#[derive(Clone)]
pub struct Services {
    pub directory: Arc<dyn Directory>,
    pub clock: Clock,
    /// A test wants to see what would go into the log.
    pub quiet: bool,
}

pub struct Stage {
    pub script: Arc<Script>,
    pub services: Services,
    pub effects: Vec<Effect>,
    pub timers: Vec<Timer>,
    /// The verdict that was made last: it counts where the hook then returns nothing.
    pub said: Option<Said>,
    origin: Origin,
}

thread_local! {
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

impl Stage {
    pub fn new(script: Arc<Script>, services: Services, cause: &Origin) -> Self {
        let origin = Origin { plugin: Some(Arc::clone(&script.name)), depth: cause.depth + 1 };
        Stage { script, services, effects: Vec::new(), timers: Vec::new(), said: None, origin }
    }

    pub fn now(&self) -> i64 {
        self.services.clock.now()
    }

    /// Notes something to be done after the hook.
    pub fn want(&mut self, deed: Deed) -> Result<(), Failed> {
        if self.effects.len() >= MAX_EFFECTS {
            return Err(format!("one hook brings about at most {MAX_EFFECTS} things").into());
        }
        if self.origin.depth > MAX_DEPTH {
            tracing::warn!(
                plugin = &*self.script.name,
                "plugins answer each other for the {MAX_DEPTH}rd time in a row: this is as far as it goes"
            );
            return Ok(());
        }
        self.effects.push(Effect { origin: self.origin.clone(), deed });
        Ok(())
    }

    pub fn start_timer(&mut self, timer: Timer) -> Result<(), Failed> {
        if self.timers.len() >= MAX_TIMERS {
            return Err(format!("a plugin has at most {MAX_TIMERS} timers").into());
        }
        self.timers.push(timer);
        Ok(())
    }
}

/// Puts `stage` up, runs `work`, and gives back what is then on the stage. Whatever was there before is there again
/// after it, even where `work` panics.
pub fn perform<R>(stage: Stage, work: impl FnOnce() -> R) -> (R, Stage) {
    struct Restore(Option<Stage>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let before = self.0.take();
            STAGE.with(|stage| *stage.borrow_mut() = before);
        }
    }
    let restore = Restore(STAGE.with(|current| current.borrow_mut().replace(stage)));
    let result = work();
    let after = STAGE.with(|current| current.borrow_mut().take()).expect("the stage that was put up");
    drop(restore);
    (result, after)
}

/// What is at hand for the hook that runs on this thread.
///
/// # Errors
/// Where no hook runs: a function was called while a script was compiled.
pub fn with<R>(work: impl FnOnce(&mut Stage) -> Result<R, Failed>) -> Result<R, Failed> {
    STAGE.with(|stage| match stage.borrow_mut().as_mut() {
        Some(stage) => work(stage),
        None => Err("this can be called from a hook only".to_owned().into()),
    })
}

/// A name that every function of a script knows: its configuration, and what its top level has defined.
pub fn known(name: &str) -> Option<Dynamic> {
    if name == "timer" {
        return Some(Dynamic::from(Timers));
    }
    STAGE.with(|stage| {
        let stage = stage.borrow();
        let script = &stage.as_ref()?.script;
        script.names.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    })
}
