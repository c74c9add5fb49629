//! A password for a server's eyes only: RSA with the server's public key, padded by OAEP with SHA-1.
//!
//! Only encryption, and only as MySQL has it. Nothing here knows a private key, so that time tells nothing but the
//! length of public numbers.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

/// Length of SHA-1's digests.
const HASH: usize = 20;

/// `message` for the owner of `key`, a PEM with a public key.
pub(super) fn encrypt(key: &[u8], message: &[u8]) -> Result<Vec<u8>, String> {
    let mut seed = [0; HASH];
    rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| format!("cannot get random bytes: {error}"))?;
    encrypt_with(key, message, seed)
}

fn encrypt_with(key: &[u8], message: &[u8], seed: [u8; HASH]) -> Result<Vec<u8>, String> {
    let (modulus, exponent) = public_key(key).ok_or("the server's public key is not one of RSA")?;
    let padded = pad(message, modulus.len(), seed)
        .ok_or("the password is too long for the server's public key; log in through the server's unix socket")?;
    Ok(power(&padded, &exponent, &modulus))
}

/// Modulus and exponent, big-endian without leading zeros.
fn public_key(pem: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let text = std::str::from_utf8(pem).ok()?;
    let base64: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = STANDARD.decode(base64).ok()?;
    const SEQUENCE: u8 = 0x30;
    const BIT_STRING: u8 = 3;
    const INTEGER: u8 = 2;
    let (info, _) = element(SEQUENCE, &der)?;
    let (_algorithm, rest) = element(SEQUENCE, info)?;
    let (bits, _) = element(BIT_STRING, rest)?;
    let (numbers, _) = element(SEQUENCE, bits.strip_prefix(&[0])?)?;
    let (modulus, rest) = element(INTEGER, numbers)?;
    let (exponent, _) = element(INTEGER, rest)?;
    let bare = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    let (modulus, exponent) = (bare(modulus), bare(exponent));
    // Larger keys than any server makes would only cost time.
    ((64..=1024).contains(&modulus.len()) && (1..=8).contains(&exponent.len())).then_some((modulus, exponent))
}

/// The content of the DER element with `tag` at the beginning of `bytes`, and what follows it.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, length, mut rest) = match bytes {
        [first, length, rest @ ..] => (*first, usize::from(*length), rest),
        _ => return None,
    };
    let mut size = length;
    if length > 0x7f {
        let (digits, after) = rest.split_at_checked(length & 0x7f).filter(|(digits, _)| digits.len() <= 4)?;
        size = digits.iter().fold(0, |size, digit| size << 8 | usize::from(*digit));
        rest = after;
    }
    rest.split_at_checked(size).filter(|_| first == tag)
}

/// OAEP without a label, for a key of `length` bytes.
fn pad(message: &[u8], length: usize, mut seed: [u8; HASH]) -> Option<Vec<u8>> {
    let zeros = length.checked_sub(2 * HASH + 2)?.checked_sub(message.len())?;
    let mut block = Sha1::digest([]).to_vec();
    block.resize(HASH + zeros, 0);
    block.push(1);
    block.extend_from_slice(message);
    mask(&mut block, &seed);
    mask(&mut seed, &block);
    Some([&[0], &seed[..], &block].concat())
}

/// MGF1: masks `bytes` with what follows from `seed`.
fn mask(bytes: &mut [u8], seed: &[u8]) {
    for (count, part) in bytes.chunks_mut(HASH).enumerate() {
        let digest = Sha1::new().chain_update(seed).chain_update((count as u32).to_be_bytes()).finalize();
        part.iter_mut().zip(digest).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// `base` to the power of `exponent` modulo `modulus`, big-endian all, as long as `modulus`. `base` is smaller than it.
fn power(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    let (base, limit) = (limbs(base, modulus.len()), limbs(modulus, modulus.len()));
    let mut result = limbs(&[1], modulus.len());
    for bit in bits(exponent) {
        result = multiply(&result, &result, &limit);
        if bit {
            result = multiply(&result, &base, &limit);
        }
    }
    let bytes: Vec<u8> = result.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
    bytes[bytes.len() - modulus.len()..].to_vec()
}

fn bits(number: &[u8]) -> impl Iterator<Item = bool> + '_ {
    number.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1 == 1))
}

/// A number's limbs, lowest first, with room for one bit more than `length` bytes have.
fn limbs(number: &[u8], length: usize) -> Vec<u32> {
    let mut limbs: Vec<u32> =
        number.rchunks(4).map(|part| part.iter().fold(0, |limb, byte| limb << 8 | u32::from(*byte))).collect();
    limbs.resize(length / 4 + 1, 0);
    limbs
}

/// By doubling and adding: as slow as it is short, and still a few milliseconds for the usual exponent.
fn multiply(left: &[u32], right: &[u32], modulus: &[u32]) -> Vec<u32> {
    let mut result = vec![0; modulus.len()];
    for limb in right.iter().rev() {
        for at in (0..32).rev() {
            let same = result.clone();
            add(&mut result, &same, modulus);
            if limb >> at & 1 == 1 {
                add(&mut result, left, modulus);
            }
        }
    }
    result
}

/// `sum += other`, modulo `modulus`; both are smaller than it.
fn add(sum: &mut [u32], other: &[u32], modulus: &[u32]) {
    let mut carry = 0;
    for (limb, other) in sum.iter_mut().zip(other) {
        let wide = u64::from(*limb) + u64::from(*other) + carry;
        *limb = wide as u32;
        carry = wide >> 32;
    }
    if sum.iter().rev().ge(modulus.iter().rev()) {
        let mut borrow = false;
        for (limb, other) in sum.iter_mut().zip(modulus) {
            let (less, first) = limb.overflowing_sub(*other);
            let (less, second) = less.overflowing_sub(u32::from(borrow));
            *limb = less;
            borrow = first || second;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
         MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDAlE3E47EzO74gYRlKK0NDKjnu\n\
         to6eK+wTGjUvA8Yc1KWtclcGVGZYer2bhwfWRGZghYG8rBol+odidEmWojwxQxqu\n\
         XgPpLscef4GAy+i7iR0LJKox4W5RE92chPBtY326U0zZkt9mYj4WSeQbaB1+m79V\n\
         qsX8OvMjJ32FA7iUZQIDAQAB\n\
         -----END PUBLIC KEY-----\n";
    const PRIVATE: &str = "6e6fddd54e39dd46a27691185ea746b06ab3c4485eab2846fe8166046b269e7bf7f2ea822b78152522663f9d850a0439\
         ad9a8256ff5f136e835b1b92e3d66fab5564bbcf47d622420de7967aa58db6071b0c6a47d50b2de6a69be5d6f5be419b\
         c858121206c4811a1d009329b1f4b709d96291a4898ff374864fce367ad33e75";
    /// Made by Python's arithmetic and read back by OpenSSL, for the seed 0, 1, 2 …
    const SECRET: &str = "75210233c904603248f53b7b2768117db97123ddb297f866078f3493b48857e39b889dea740fa46153f9643859b7b031\
         f725819f01900651cdb71db823114961f0e7469945027d2171a2410339216cd707a24067b509efec387839afc5bd6ad1\
         36744e20e20f23ec0b89b821b0a3a387c69ce3edfb4e7c8f80c5857c838f7462";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    pub(in super::super) fn decrypt(secret: &[u8]) -> Vec<u8> {
        let (modulus, _) = public_key(KEY.as_bytes()).unwrap();
        let padded = power(secret, &bytes(PRIVATE), &modulus);
        let (mut seed, mut block) = (padded[1..=HASH].to_vec(), padded[HASH + 1..].to_vec());
        mask(&mut seed, &block);
        mask(&mut block, &seed);
        let end = block[HASH..].iter().position(|byte| *byte == 1).unwrap();
        block[HASH + end + 1..].to_vec()
    }

    #[test]
    fn encrypts_as_others_do() {
        let seed: Vec<u8> = (0..20).collect();
        let secret = encrypt_with(KEY.as_bytes(), b"secret\0", seed.try_into().unwrap()).unwrap();
        assert_eq!(secret, bytes(SECRET));
        assert_eq!(decrypt(&secret), b"secret\0");
        assert_ne!(encrypt(KEY.as_bytes(), b"secret\0"), encrypt(KEY.as_bytes(), b"secret\0"));
    }

    #[test]
    fn refuses_what_cannot_be_encrypted() {
        assert!(encrypt(KEY.as_bytes(), &[b'x'; 87]).unwrap_err().contains("too long"));
        let cut = KEY.replace("MIGf", "MIGe");
        for key in ["", "-----BEGIN PUBLIC KEY-----\nMAA=\n", &KEY[..100], &cut] {
            assert!(encrypt(key.as_bytes(), b"x").unwrap_err().contains("public key"), "{key}");
        }
    }

    #[test]
    fn powers() {
        assert_eq!(power(&[5], &[3], &[0, 0, 0, 0, 13]), [0, 0, 0, 0, 8]);
        // Python's pow(0xfffe, 65537, 0xffffff).
        assert_eq!(power(&[0xff, 0xfe], &[1, 0, 1], &[0xff, 0xff, 0xff]), [0xf3, 0xe6, 0x24]);
    }
}
