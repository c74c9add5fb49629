//! The handshake: who we are, proven by the ways to log in that servers ask for by default.

use super::packets::{Fields, Packets, malformed, server_error};
use super::{SqlError, rsa};
use crate::system::sql::SqlRequest;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::io;

const LONG_PASSWORD: u64 = 1;
const LONG_FLAG: u64 = 4;
const CONNECT_WITH_DB: u64 = 8;
const PROTOCOL_41: u64 = 0x200;
const TRANSACTIONS: u64 = 0x2000;
const SECURE_CONNECTION: u64 = 0x8000;
const MULTI_STATEMENTS: u64 = 0x1_0000;
const MULTI_RESULTS: u64 = 0x2_0000;
const PLUGIN_AUTH: u64 = 0x8_0000;

/// `utf8mb4_general_ci`, which MySQL and MariaDB both have.
const CHARSET: u8 = 45;

const NATIVE: &[u8] = b"mysql_native_password";
const CACHING_SHA2: &[u8] = b"caching_sha2_password";

/// What the server opens with.
struct Greeting {
    nonce: Vec<u8>,
    plugin: Vec<u8>,
}

/// Logs in as `request` says. `private` is a channel that nobody else can read.
pub(super) fn login(packets: &mut Packets, request: &SqlRequest, private: bool) -> Result<(), SqlError> {
    let password = request.password.as_deref().unwrap_or_default().as_bytes();
    let Greeting { mut nonce, mut plugin } = greeting(&packets.read()?)?;
    if plugin != CACHING_SHA2 {
        // What the server likes best is not always what the user has: it says so next.
        plugin = NATIVE.to_vec();
    }
    packets.write(&introduction(request, &plugin, &proof(&plugin, password, &nonce)?))?;
    loop {
        let message = packets.read()?;
        let mut fields = Fields(message.get(1..).unwrap_or_default());
        match message.first() {
            Some(0) => return Ok(()),
            Some(0xff) => return Err(server_error(fields)),
            Some(0xfe) => {
                plugin = fields.until_zero().to_vec();
                nonce = fields.0.strip_suffix(&[0]).unwrap_or(fields.0).to_vec();
                packets.write(&proof(&plugin, password, &nonce)?)?;
            }
            // The server remembers the password's hash.
            Some(1) if plugin == CACHING_SHA2 && fields.0 == [3] => {}
            // It does not, and wants the password itself.
            Some(1) if plugin == CACHING_SHA2 && fields.0 == [4] => {
                let mut clear = [password, &[0]].concat();
                if !private {
                    packets.write(&[2])?;
                    let answer = packets.read()?;
                    let key = answer.strip_prefix(&[1]).ok_or_else(|| malformed("no public key"))?;
                    clear.iter_mut().zip(nonce.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
                    clear = rsa::encrypt(key, &clear).map_err(SqlError::Login)?;
                }
                packets.write(&clear)?;
            }
            _ => return Err(malformed("an unknown step of logging in").into()),
        }
    }
}

fn greeting(message: &[u8]) -> Result<Greeting, SqlError> {
    let mut fields = Fields(message);
    match fields.number(1)? {
        10 => {}
        0xff => return Err(server_error(fields)),
        other => return Err(malformed(&format!("protocol version {other}")).into()),
    }
    read_greeting(fields).map_err(SqlError::from)
}

fn read_greeting(mut fields: Fields<'_>) -> io::Result<Greeting> {
    fields.until_zero();
    fields.take(4)?;
    let mut nonce = fields.take(8)?.to_vec();
    fields.take(1)?;
    let low = fields.number(2)?;
    // Character set and status.
    fields.take(1 + 2)?;
    let able = low | fields.number(2)? << 16;
    if able & PROTOCOL_41 == 0 || able & SECURE_CONNECTION == 0 {
        return Err(malformed("a greeting of before MySQL 4.1"));
    }
    let length = fields.number(1)? as usize;
    fields.take(10)?;
    let rest = fields.take(length.saturating_sub(8).max(13))?;
    nonce.extend_from_slice(rest.strip_suffix(&[0]).unwrap_or(rest));
    let plugin = if able & PLUGIN_AUTH == 0 { NATIVE } else { fields.until_zero() };
    Ok(Greeting { nonce, plugin: plugin.to_vec() })
}

/// Our side of the greeting.
fn introduction(request: &SqlRequest, plugin: &[u8], proof: &[u8]) -> Vec<u8> {
    let mut able = LONG_PASSWORD
        | LONG_FLAG
        | PROTOCOL_41
        | TRANSACTIONS
        | SECURE_CONNECTION
        | MULTI_STATEMENTS
        | MULTI_RESULTS
        | PLUGIN_AUTH;
    if request.database.is_some() {
        able |= CONNECT_WITH_DB;
    }
    let mut message = (able as u32).to_le_bytes().to_vec();
    // The longest message, which only the server limits.
    message.extend_from_slice(&(1_u32 << 30).to_le_bytes());
    message.push(CHARSET);
    message.extend_from_slice(&[0; 23]);
    let mut text = |bytes: &[u8]| {
        message.extend_from_slice(bytes);
        message.push(0);
    };
    text(request.user.as_deref().unwrap_or_default().as_bytes());
    message.push(proof.len() as u8);
    message.extend_from_slice(proof);
    for name in request.database.as_deref().map(str::as_bytes).into_iter().chain([plugin]) {
        message.extend_from_slice(name);
        message.push(0);
    }
    message
}

/// What shows that we know the password.
fn proof(plugin: &[u8], password: &[u8], nonce: &[u8]) -> Result<Vec<u8>, SqlError> {
    if plugin != NATIVE && plugin != CACHING_SHA2 {
        return Err(SqlError::Login(format!(
            "the server wants the user to log in by {}, which is not supported; \
             change the user to caching_sha2_password or mysql_native_password",
            String::from_utf8_lossy(plugin)
        )));
    }
    if password.is_empty() {
        return Ok(Vec::new());
    }
    Ok(if plugin == NATIVE {
        let once = Sha1::digest(password);
        let mask = Sha1::new().chain_update(nonce).chain_update(Sha1::digest(once)).finalize();
        xor(&once, &mask)
    } else {
        let once = Sha256::digest(password);
        let mask = Sha256::new().chain_update(Sha256::digest(once)).chain_update(nonce).finalize();
        xor(&once, &mask)
    })
}

fn xor(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter().zip(right).map(|(left, right)| left ^ right).collect()
}

#[cfg(test)]
mod tests;
