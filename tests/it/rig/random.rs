//! A deterministic generator (xorshift64*), so that a failing body can be made again from its seed.

/// The generator; equal seeds give equal sequences.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number in `0..bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| (self.next() >> 32) as u8).collect()
    }
}

#[test]
fn equal_seeds_give_equal_bytes() {
    assert_eq!(Random::new(7).bytes(64), Random::new(7).bytes(64));
    assert_ne!(Random::new(7).bytes(64), Random::new(8).bytes(64));
}
