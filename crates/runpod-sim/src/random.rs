//! Seeded randomness (SplitMix64): the same seed and script give the same run on every machine.

/// A stream of numbers.
#[derive(Debug)]
pub struct Random(u64);

/// Letters and digits of instance ids.
const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

// === impl Random ===

impl Random {
    /// The stream of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`; 0 if that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end.max(1)
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        const STEPS: u32 = 1 << 20;
        let drawn = u32::try_from(self.below(STEPS.into())).unwrap_or(0);
        f64::from(drawn) < probability * f64::from(STEPS)
    }

    /// An id as the provider makes them: lower-case letters and digits.
    pub(crate) fn id(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(LETTERS[usize::try_from(self.below(36)).unwrap_or(0)])).collect()
    }
}
