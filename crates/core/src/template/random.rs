//! Python's random numbers: the same seed must choose the same minute for a cron job as it does under Ansible.
//!
//! The generator is MT19937 (Matsumoto and Nishimura, 1998), seeded as Python's `random.seed` does.

use super::fault::{Fault, Result};
use super::python::{Py, long};
use num_bigint::BigUint;
use sha2::{Digest, Sha512};

const SIZE: usize = 624;

pub(super) enum Random {
    /// By the operating system's chance.
    Fresh,
    Seeded(Box<Twister>),
}

pub(super) struct Twister {
    state: [u32; SIZE],
    index: usize,
}

impl Random {
    pub fn fresh() -> Self {
        Self::Fresh
    }

    pub fn seeded(seed: &Py) -> Result<Self> {
        let words = match seed {
            Py::Str(text) => {
                // The text and its SHA-512, read as one large number.
                let mut bytes = text.as_bytes().to_vec();
                bytes.extend_from_slice(&Sha512::digest(&bytes));
                BigUint::from_bytes_be(&bytes)
            }
            Py::Float(value) => BigUint::from(float_hash(*value) as u64),
            other => match long::long(other) {
                Some(seed) => seed.magnitude().clone(),
                None => {
                    let message = "The only supported seed types are: None, int, float, str, bytes, and bytearray.";
                    return Err(Fault::error(message));
                }
            },
        };
        let key = if words.bits() == 0 { vec![0] } else { words.to_u32_digits() };
        Ok(Self::Seeded(Box::new(Twister::new(&key))))
    }

    /// A number from 0 to less than `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        match self {
            Self::Fresh => fastrand::u64(..limit.max(1)),
            Self::Seeded(twister) => {
                let bits = 64 - limit.leading_zeros();
                loop {
                    let number = twister.bits(bits);
                    if number < limit {
                        return number;
                    }
                }
            }
        }
    }
}

/// Python's hash of a float: the number modulo 2^61 - 1.
fn float_hash(value: f64) -> i64 {
    const PRIME: u64 = (1 << 61) - 1;
    if !value.is_finite() {
        return if value.is_nan() { 0 } else { 314_159 * value.signum() as i64 };
    }
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 52 & 0x7ff) as i64, bits & ((1 << 52) - 1));
    let (mantissa, power) = if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
    // Doubling turns the 61 bits around.
    let turns = power.rem_euclid(61) as u32;
    let hash = (mantissa << turns & PRIME) | mantissa >> (61 - turns);
    let hash = if hash == PRIME { 0 } else { hash as i64 };
    match (value < 0.0, hash) {
        (true, 1) => -2,
        (true, hash) => -hash,
        (false, hash) => hash,
    }
}

impl Twister {
    fn new(key: &[u32]) -> Self {
        let mut state = [0_u32; SIZE];
        state[0] = 19_650_218;
        for at in 1..SIZE {
            let before = state[at - 1];
            state[at] = 1_812_433_253_u32.wrapping_mul(before ^ before >> 30).wrapping_add(at as u32);
        }
        let (mut i, mut j) = (1, 0);
        let mixed = |state: &[u32; SIZE], i: usize| state[i - 1] ^ state[i - 1] >> 30;
        for _ in 0..SIZE.max(key.len()) {
            let mix = mixed(&state, i).wrapping_mul(1_664_525);
            state[i] = (state[i] ^ mix).wrapping_add(key[j]).wrapping_add(j as u32);
            (i, j) = (i + 1, (j + 1) % key.len());
            if i >= SIZE {
                state[0] = state[SIZE - 1];
                i = 1;
            }
        }
        for _ in 1..SIZE {
            let mix = mixed(&state, i).wrapping_mul(1_566_083_941);
            state[i] = (state[i] ^ mix).wrapping_sub(i as u32);
            i += 1;
            if i >= SIZE {
                state[0] = state[SIZE - 1];
                i = 1;
            }
        }
        state[0] = 0x8000_0000;
        Self { state, index: SIZE }
    }

    fn next(&mut self) -> u32 {
        if self.index >= SIZE {
            for at in 0..SIZE {
                let word = self.state[at] & 0x8000_0000 | self.state[(at + 1) % SIZE] & 0x7fff_ffff;
                let odd = if word & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[at] = self.state[(at + 397) % SIZE] ^ word >> 1 ^ odd;
            }
            self.index = 0;
        }
        let mut word = self.state[self.index];
        self.index += 1;
        word ^= word >> 11;
        word ^= word << 7 & 0x9d2c_5680;
        word ^= word << 15 & 0xefc6_0000;
        word ^ word >> 18
    }

    /// A number of that many bits.
    fn bits(&mut self, bits: u32) -> u64 {
        if bits == 0 {
            return 0;
        }
        if bits <= 32 {
            return u64::from(self.next() >> (32 - bits));
        }
        let low = u64::from(self.next());
        let high = u64::from(self.next() >> (64 - bits));
        high << 32 | low
    }
}
