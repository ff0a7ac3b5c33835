//! What makes an RSA public key unfit, beyond what the crypto library looks at.

use std::ops::RangeInclusive;

/// Length of a modulus, bits. Below it anybody can factor it; above it a signature costs too much to check. What
/// is shorter than 2048 is taken only where the policy says so.
const MODULUS_BITS: RangeInclusive<usize> = 1024..=8192;
/// Longest public exponent, bytes: 65537 has three.
const MAX_EXPONENT_BYTES: usize = 8;

/// Whether modulus and exponent, big-endian, may prove anything.
pub fn is_fit(modulus: &[u8], exponent: &[u8]) -> bool {
    let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    MODULUS_BITS.contains(&bits(modulus))
        && odd(modulus)
        && exponent.len() <= MAX_EXPONENT_BYTES
        && odd(exponent)
        && exponent != [1]
        && !is_roca(modulus)
}

/// A big-endian number without leading zeros.
pub fn without_zeros(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    number.get(start..).unwrap_or_default()
}

/// The length of a number without leading zeros.
pub fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// Whether the modulus has the mark of a generator whose keys can be factored (CVE-2017-15361, "The Return of
/// Coppersmith's Attack", section 3): modulo each small prime it is a power of 65537.
fn is_roca(modulus: &[u8]) -> bool {
    (3..=167).filter(|number| is_prime(*number)).all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..prime).any(|_| {
            power = power * (65_537 % prime) % prime;
            power == rest
        })
    })
}

fn is_prime(number: u32) -> bool {
    number > 1
        && (2..number)
            .take_while(|factor| factor * factor <= number)
            .all(|factor| !number.is_multiple_of(factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfit_keys() {
        // 2048 bits, odd, and 2 modulo 3, 3 modulo 7: not every residue is a power of 65537.
        let mut modulus = vec![0xff; 256];
        while is_roca(&modulus) {
            modulus[128] = modulus[128].wrapping_sub(1);
        }
        assert!(is_fit(&modulus, &[1, 0, 1]));
        assert!(is_fit(&[&[0][..], &modulus].concat(), &[3]));
        for exponent in [&[][..], &[0], &[1], &[0, 1], &[2], &[1, 0, 0], &[1; 9]] {
            assert!(!is_fit(&modulus, exponent), "{exponent:?}");
        }
        let mut even = modulus.clone();
        even[255] = 0xfe;
        let half = [&[0x7f][..], &[0xff; 127]].concat();
        for other in [&even, &half, &vec![0xff; 1025], &Vec::new()] {
            assert!(!is_fit(other, &[1, 0, 1]));
        }
    }
}
