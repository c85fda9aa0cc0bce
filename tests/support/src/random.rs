//! Numbers that look random and are the same in every run.

use std::time::Duration;

/// The splitmix64 generator.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator that repeats itself for the same seed. Tell the seed when a test fails.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator of its own for one of several threads.
    pub fn fork(&mut self) -> Self {
        Self(self.number())
    }

    /// Any number.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// One of `choices`.
    pub fn choose<'c, T>(&mut self, choices: &'c [T]) -> &'c T {
        let count = u64::try_from(choices.len()).unwrap();
        &choices[usize::try_from(self.below(count)).unwrap()]
    }

    /// Something between `least` and `most`, both in milliseconds.
    pub const fn pause(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_micros(least * 1000 + self.below((most - least) * 1000))
    }

    /// 64 bytes that nobody signed before.
    pub fn digest(&mut self) -> [u8; 64] {
        let mut digest = [0; 64];
        for word in digest.chunks_exact_mut(8) {
            word.copy_from_slice(&self.number().to_be_bytes());
        }
        digest
    }
}
