//! Encrypted passwords as `/etc/shadow` holds them, with the rounds that Ansible takes.

use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use base64::{Engine, engine::DecodePaddingMode};

/// What may be chosen about an encrypted password.
#[derive(Default)]
pub(super) struct Options<'a> {
    pub salt: Option<&'a str>,
    pub salt_size: Option<u32>,
    pub rounds: Option<u32>,
    pub ident: Option<&'a str>,
}

const SALT_LETTERS: &[u8] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A salt by the operating system's chance.
pub(super) fn random_text(letters: &[char], len: usize) -> Result<String, String> {
    let mut out = String::with_capacity(len);
    let mut bytes = [0_u8; 4];
    for _ in 0..len {
        getrandom::fill(&mut bytes).map_err(|error| format!("no random numbers: {error}"))?;
        let Some(letter) = letters.get(u32::from_le_bytes(bytes) as usize % letters.len().max(1)) else {
            return Err("there are no characters to choose from".into());
        };
        out.push(*letter);
    }
    Ok(out)
}

/// A new salt of `len` characters.
pub(super) fn new_salt(len: usize) -> Result<String, String> {
    let letters: Vec<char> = SALT_LETTERS.iter().map(|letter| char::from(*letter)).collect();
    random_text(&letters, len)
}

/// Encrypts `password` as `kind` (`sha512`, `sha256`, `blowfish`).
pub(super) fn encrypt(password: &str, kind: &str, options: &Options<'_>) -> Result<String, String> {
    match kind {
        "sha512" | "sha512_crypt" => sha(password, '6', 656_000, options),
        "sha256" | "sha256_crypt" => sha(password, '5', 535_000, options),
        "blowfish" | "bcrypt" => blowfish(password, options),
        other => Err(format!("{other} is not in the list of supported passlib algorithms: blowfish, sha256, sha512")),
    }
}

fn sha(password: &str, id: char, default_rounds: u32, options: &Options<'_>) -> Result<String, String> {
    let salt = match options.salt {
        Some(salt) => salt.to_owned(),
        None => new_salt(options.salt_size.unwrap_or(16).clamp(1, 16) as usize)?,
    };
    if salt.len() > 16 || salt.bytes().any(|byte| !SALT_LETTERS.contains(&byte)) {
        return Err(format!("the salt '{salt}' must be at most 16 of the characters a-z, A-Z, 0-9, . and /"));
    }
    let rounds = options.rounds.unwrap_or(default_rounds);
    if !(1000..=999_999_999).contains(&rounds) {
        return Err(format!("Could not hash the secret: rounds must be from 1000 to 999999999, not {rounds}"));
    }
    let failed = |error| format!("cannot encrypt the password: {error:?}");
    let (text, salt_bytes) = (password.as_bytes(), salt.as_bytes());
    let hash = if id == '6' {
        let params = sha_crypt::Sha512Params::new(rounds as usize).map_err(failed)?;
        sha_crypt::sha512_crypt_b64(text, salt_bytes, &params).map_err(failed)?
    } else {
        let params = sha_crypt::Sha256Params::new(rounds as usize).map_err(failed)?;
        sha_crypt::sha256_crypt_b64(text, salt_bytes, &params).map_err(failed)?
    };
    // 5000 is what the format means where it names no rounds.
    let shown = if rounds == 5000 { String::new() } else { format!("rounds={rounds}$") };
    Ok(format!("${id}${shown}{salt}${hash}"))
}

fn blowfish(password: &str, options: &Options<'_>) -> Result<String, String> {
    let salt = match options.salt {
        Some(salt) => salt.to_owned(),
        None => new_salt(21)? + ".",
    };
    let engine = GeneralPurpose::new(
        &BCRYPT,
        NO_PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true),
    );
    let bytes = engine.decode(&salt).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    let bytes =
        bytes.ok_or_else(|| format!("the salt '{salt}' must be 22 of the characters a-z, A-Z, 0-9, . and /"))?;
    let version = match options.ident.unwrap_or("2b") {
        "2" | "2a" => bcrypt::Version::TwoA,
        "2y" => bcrypt::Version::TwoY,
        "2b" => bcrypt::Version::TwoB,
        other => return Err(format!("the ident '{other}' must be 2a, 2b or 2y")),
    };
    let hash = bcrypt::hash_with_salt(password, options.rounds.unwrap_or(12), bytes);
    Ok(hash.map_err(|error| format!("cannot encrypt the password: {error}"))?.format_for_version(version))
}
