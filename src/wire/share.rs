//! How much of what is there for everybody one address may take: another place as long as it has fewer than are free.
//!
//! So one address alone gets half of all places, two get a third each, and whoever comes first finds one, however many
//! press in. Nothing has to be configured, and nothing is refused while there is plenty. (Choudhury and Hahne: Dynamic
//! Queue Length Thresholds for Shared-Memory Packet Switches, 1998.)

use std::collections::HashMap;

use parking_lot::Mutex;

use super::peer::Address;

/// Whether an address that holds `held` places must not have another one, where `taken` of `all` are.
pub fn is_used_up(held: usize, taken: usize, all: usize) -> bool {
    held >= all.saturating_sub(taken)
}

/// Counts places by the address that holds them.
#[derive(Default)]
pub struct Holders(Mutex<HashMap<Address, usize, ahash::RandomState>>);

impl Holders {
    /// Counts one more; how many there were.
    pub fn add(&self, address: Address) -> usize {
        let mut counts = self.0.lock();
        let count = counts.entry(address).or_default();
        *count += 1;
        *count - 1
    }

    pub fn remove(&self, address: Address) {
        let mut counts = self.0.lock();
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }

    #[cfg(test)]
    pub fn addresses(&self) -> usize {
        self.0.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const ALL: usize = 1_000;

    /// So many addresses take in turns whatever they get; how many places each has in the end.
    fn greedy(addresses: u8) -> Vec<usize> {
        let holders = Holders::default();
        let (mut taken, mut held) = (0, vec![0; usize::from(addresses)]);
        for _ in 0..ALL {
            for last in 0..addresses {
                let address = IpAddr::from(Ipv4Addr::new(192, 0, 2, last)).into();
                if is_used_up(holders.add(address), taken, ALL) {
                    holders.remove(address);
                } else {
                    taken += 1;
                    held[usize::from(last)] += 1;
                }
            }
        }
        held
    }

    #[test]
    fn some_places_are_left_for_others_by_one_address_and_by_many() {
        assert_eq!(greedy(1), [500]);
        assert_eq!(greedy(3), [250, 250, 250]);
        let held = greedy(200);
        assert!(held.iter().all(|count| (4..=5).contains(count)), "{held:?}");
        assert!(held.iter().sum::<usize>() < ALL);
    }

    #[test]
    fn nothing_is_kept_of_an_address_without_places() {
        let holders = Holders::default();
        let address = IpAddr::from(Ipv4Addr::LOCALHOST).into();
        assert_eq!((holders.add(address), holders.add(address)), (0, 1));
        holders.remove(address);
        holders.remove(address);
        assert_eq!(holders.addresses(), 0);
    }
}
