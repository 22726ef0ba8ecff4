//! What a webhook has to be told, by lanes: within one strictly in order, one at a time; beside each other otherwise.
//!
//! A lane whose first entry failed rests until that is tried again. Others go on meanwhile.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::store::Stored;

pub type Name = Arc<str>;

/// An entry that is to be told.
#[derive(Clone, Debug)]
pub struct Item {
    pub key: i64,
    pub attempts: u32,
    /// Whether the store's backlog has it.
    pub is_parked: bool,
    /// Absent where it is fetched when its turn comes.
    pub entry: Option<Box<Stored>>,
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Item>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Ready,
    /// Its first entry is under way.
    Busy,
    Resting(Instant),
}

#[derive(Default)]
pub struct Lanes {
    lanes: HashMap<Name, Lane>,
    ready: VecDeque<Name>,
    resting: BTreeSet<(Instant, Name)>,
}

impl Lanes {
    /// Adds `item` behind what is older.
    pub fn push(&mut self, name: &str, item: Item) {
        let name = match self.lanes.get_key_value(name) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(name),
        };
        let lane = self.lanes.entry(Arc::clone(&name)).or_default();
        let was_idle = lane.phase == Phase::Ready && lane.waiting.is_empty();
        let at = lane.waiting.partition_point(|other| other.key < item.key);
        lane.waiting.insert(at, item);
        if was_idle {
            self.ready.push_back(name);
        }
    }

    /// The first entry of the lane that has waited longest; the lane is busy with it then.
    pub fn next(&mut self) -> Option<(Name, Item)> {
        let name = self.ready.pop_front()?;
        Some((Arc::clone(&name), self.take(&name)))
    }

    /// The first entry of the resting lane that is due first, ahead of its time.
    pub fn next_resting(&mut self) -> Option<(Name, Item)> {
        let (_, name) = self.resting.pop_first()?;
        Some((Arc::clone(&name), self.take(&name)))
    }

    fn take(&mut self, name: &Name) -> Item {
        let lane = self.lanes.get_mut(name).expect("a lane that is ready or rests is there");
        lane.phase = Phase::Busy;
        lane.waiting.pop_front().expect("a lane that is ready or rests has an entry")
    }

    /// The entry that the lane was busy with is told, or given up.
    pub fn done(&mut self, name: &Name) {
        let Some(lane) = self.lanes.get_mut(name) else { return };
        lane.phase = Phase::Ready;
        if lane.waiting.is_empty() {
            self.lanes.remove(name);
        } else {
            self.ready.push_back(Arc::clone(name));
        }
    }

    /// The entry that the lane was busy with is tried again at `until`; those behind it wait. These, as far as the
    /// backlog has not got them, are to be parked by the caller.
    pub fn rest(&mut self, name: &Name, item: Item, until: Instant) -> impl Iterator<Item = &mut Item> {
        let lane = self.lanes.entry(Arc::clone(name)).or_default();
        lane.waiting.push_front(item);
        lane.phase = Phase::Resting(until);
        self.resting.insert((until, Arc::clone(name)));
        lane.waiting.iter_mut().filter(|item| !item.is_parked)
    }

    /// The entry that the lane was busy with goes back to its place, to be tried when there is a chance.
    pub fn put_back(&mut self, name: &Name, item: Item) {
        let lane = self.lanes.entry(Arc::clone(name)).or_default();
        lane.waiting.push_front(item);
        lane.phase = Phase::Ready;
        self.ready.push_front(Arc::clone(name));
    }

    pub fn is_resting(&self, name: &str) -> bool {
        self.lanes.get(name).is_some_and(|lane| matches!(lane.phase, Phase::Resting(_)))
    }

    /// Makes those ready whose rest is over by `now`.
    pub fn wake(&mut self, now: Instant) {
        self.wake_where(|until, _| until <= now);
    }

    /// Makes those ready whose first entry was never refused, but did not get through.
    pub fn wake_untried(&mut self) {
        self.wake_where(|_, first| first.attempts == 0);
    }

    pub fn wake_all(&mut self) {
        self.wake_where(|_, _| true);
    }

    fn wake_where(&mut self, wakes: impl Fn(Instant, &Item) -> bool) {
        let lanes = &mut self.lanes;
        let woken = self.resting.extract_if(.., |(until, name)| {
            lanes.get(name).and_then(|lane| lane.waiting.front()).is_none_or(|first| wakes(*until, first))
        });
        for (_, name) in woken.collect::<Vec<_>>() {
            if let Some(lane) = lanes.get_mut(&name) {
                lane.phase = Phase::Ready;
                self.ready.push_back(name);
            }
        }
    }

    /// When the first rest is over.
    pub fn next_wake(&self) -> Option<Instant> {
        self.resting.first().map(|(until, _)| *until)
    }

    /// Whether there is nothing that could be sent.
    pub fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.resting.is_empty()
    }

    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub fn resting(&self) -> usize {
        self.resting.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn item(key: i64) -> Item {
        Item { key, attempts: 0, is_parked: false, entry: None }
    }

    fn next(lanes: &mut Lanes) -> Option<(Name, i64)> {
        lanes.next().map(|(name, item)| (name, item.key))
    }

    #[test]
    fn a_lane_is_told_one_by_one_and_others_beside_it() {
        let mut lanes = Lanes::default();
        for (name, key) in [("a", 1), ("a", 2), ("b", 3), ("a", 4)] {
            lanes.push(name, item(key));
        }
        let (a, first) = next(&mut lanes).expect("an entry");
        let (b, second) = next(&mut lanes).expect("an entry");
        assert_eq!(((&*a, first), (&*b, second)), (("a", 1), ("b", 3)));
        assert_eq!(next(&mut lanes), None);
        lanes.done(&a);
        assert_eq!(next(&mut lanes).map(|(_, key)| key), Some(2));
        lanes.done(&b);
        assert_eq!(next(&mut lanes), None);
        lanes.done(&a);
        assert_eq!(next(&mut lanes).map(|(_, key)| key), Some(4));
        lanes.done(&a);
        assert!(lanes.lanes.is_empty() && lanes.ready.is_empty());
    }

    #[test]
    fn what_is_behind_a_failure_waits_for_it_and_is_told_to_park() {
        let mut lanes = Lanes::default();
        let now = Instant::now();
        let later = now + Duration::from_secs(5);
        for key in [1, 2, 3] {
            lanes.push("a", item(key));
        }
        let (a, failed) = lanes.next().expect("an entry");
        assert_eq!(lanes.rest(&a, failed, later).map(|item| item.key).collect::<Vec<_>>(), [1, 2, 3]);
        lanes.push("a", item(4));
        lanes.push("b", item(5));
        assert!(lanes.is_resting("a") && !lanes.is_resting("b"));
        assert_eq!(next(&mut lanes).map(|(_, key)| key), Some(5));
        lanes.wake(now);
        assert_eq!((next(&mut lanes), lanes.next_wake()), (None, Some(later)));
        lanes.wake(later);
        assert_eq!(next(&mut lanes).map(|(_, key)| key), Some(1));
        assert_eq!(lanes.next_wake(), None);
    }

    #[test]
    fn a_resting_lane_can_be_tried_ahead_of_its_time() {
        let mut lanes = Lanes::default();
        lanes.push("a", item(1));
        let (a, failed) = lanes.next().expect("an entry");
        assert_eq!(lanes.rest(&a, failed, Instant::now() + Duration::from_secs(60)).count(), 1);
        assert_eq!(lanes.next_resting().map(|(_, item)| item.key), Some(1));
        lanes.done(&a);
        assert_eq!((lanes.next_wake(), lanes.resting()), (None, 0));
    }

    #[test]
    fn once_an_endpoint_takes_events_again_those_that_it_refused_wait_on() {
        let mut lanes = Lanes::default();
        let later = Instant::now() + Duration::from_secs(60);
        for (name, key, attempts) in [("refused", 1, 2), ("unsent", 2, 0)] {
            lanes.push(name, Item { attempts, ..item(key) });
            let (name, failed) = lanes.next().expect("an entry");
            assert_eq!(lanes.rest(&name, failed, later).count(), 1);
        }
        lanes.wake_untried();
        assert_eq!((next(&mut lanes).map(|(_, key)| key), next(&mut lanes)), (Some(2), None));
        lanes.wake_all();
        assert_eq!(next(&mut lanes).map(|(_, key)| key), Some(1));
    }

    #[test]
    fn what_comes_back_from_the_dead_takes_its_old_place() {
        let mut lanes = Lanes::default();
        for key in [7, 9, 3] {
            lanes.push("a", item(key));
        }
        let mut told = Vec::new();
        while let Some((a, key)) = next(&mut lanes) {
            told.push(key);
            lanes.done(&a);
        }
        assert_eq!(told, [3, 7, 9]);
    }
}
