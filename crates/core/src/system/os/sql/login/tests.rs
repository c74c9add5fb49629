//! Logging in against servers made of packets.

use super::*;
use crate::text::hex;
use std::os::unix::net::UnixStream;

/// The nonce of the go driver's tests, from which the proofs below are known too.
const NONCE: [u8; 20] = [10, 47, 74, 111, 75, 73, 34, 48, 88, 76, 114, 74, 37, 13, 3, 80, 82, 2, 23, 21];

#[test]
fn proofs() {
    let proof = |plugin, password: &str| proof(plugin, password.as_bytes(), &NONCE).map(|proof| hex(&proof));
    assert_eq!(
        proof(CACHING_SHA2, "secret").unwrap(),
        "f490e76f66d9d86665ce54d98c78d0acfe2fb0b08b423da807144873d30b312c"
    );
    assert_eq!(proof(NATIVE, "secret").unwrap(), "6a149bdd80bda1ebf0fa2bd2cf2e9717fecc34bb");
    assert_eq!(proof(CACHING_SHA2, "").unwrap(), "");
    assert!(proof(b"dialog", "secret").unwrap_err().to_string().contains("log in by dialog, which is not supported"));
}

/// What a server of version 8 opens with.
fn hello(plugin: &[u8]) -> Vec<u8> {
    let mut message = b"\x0a8.0.36\0\x07\0\0\0".to_vec();
    message.extend_from_slice(&NONCE[..8]);
    message.extend_from_slice(b"\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0");
    message.extend_from_slice(&NONCE[8..]);
    message.push(0);
    message.extend_from_slice(plugin);
    message.push(0);
    message
}

fn request(password: &str) -> SqlRequest {
    SqlRequest {
        user: Some("root".to_owned()),
        password: Some(password.to_owned()),
        database: Some("shop".to_owned()),
        ..SqlRequest::default()
    }
}

/// Logs in at a server that says `says`, message by message, and returns what it heard.
fn talk(says: &[&[u8]], private: bool) -> (Result<(), String>, Vec<Vec<u8>>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let client = std::thread::spawn(move || {
        login(&mut Packets::new(Box::new(ours)), &request("secret"), private).map_err(|error| error.to_string())
    });
    let mut server = Packets::new(Box::new(theirs));
    let mut heard = Vec::new();
    for (at, message) in says.iter().enumerate() {
        server.write(message).unwrap();
        // A fast success is followed by the end without another word of the client.
        if *message == b"\x01\x03" || at + 1 == says.len() {
            continue;
        }
        heard.push(server.read().unwrap());
    }
    (client.join().unwrap(), heard)
}

const OK: &[u8] = b"\0\0\0\x02\0\0\0";

#[test]
fn a_known_password_is_proven_by_its_hash() {
    let (result, heard) = talk(&[&hello(CACHING_SHA2), b"\x01\x03", OK], false);
    result.unwrap();
    let mut expected = b"\x0d\xa2\x0b\0\0\0\0\x40\x2d".to_vec();
    expected.extend_from_slice(&[0; 23]);
    expected.extend_from_slice(b"root\0\x20");
    expected.extend_from_slice(&proof(CACHING_SHA2, b"secret", &NONCE).unwrap());
    expected.extend_from_slice(b"shop\0caching_sha2_password\0");
    assert_eq!(heard, [expected]);
}

#[test]
fn an_unknown_password_goes_in_clear_text_over_a_private_channel_only() {
    let (result, heard) = talk(&[&hello(CACHING_SHA2), b"\x01\x04", OK], true);
    result.unwrap();
    assert_eq!(heard[1], b"secret\0");

    let key = [b"\x01".as_slice(), rsa::tests::KEY.as_bytes()].concat();
    let (result, heard) = talk(&[&hello(CACHING_SHA2), b"\x01\x04", &key, OK], false);
    result.unwrap();
    assert_eq!(heard[1], [2]);
    let clear: Vec<u8> = b"secret\0".iter().zip(NONCE).map(|(byte, mask)| byte ^ mask).collect();
    assert_eq!(rsa::tests::decrypt(&heard[2]), clear);
}

#[test]
fn the_server_may_choose_another_way() {
    let switch = [b"\xfemysql_native_password\0".as_slice(), &NONCE, b"\0"].concat();
    let (result, heard) = talk(&[&hello(CACHING_SHA2), &switch, OK], false);
    result.unwrap();
    assert_eq!(hex(&heard[1]), "6a149bdd80bda1ebf0fa2bd2cf2e9717fecc34bb");
    let clear = b"\xfemysql_clear_password\0".as_slice();
    let error = talk(&[&hello(NATIVE), clear], true).0.unwrap_err();
    assert!(error.contains("mysql_clear_password, which is not supported"), "{error}");
    // Servers of before 4.1 ask for the oldest way by this byte alone.
    assert!(talk(&[&hello(NATIVE), b"\xfe"], true).0.is_err());
}

#[test]
fn refusals_are_the_servers_words() {
    let denied = b"\xff\x15\x04#28000Access denied for user 'root'@'localhost' (using password: YES)";
    let expected = "(1045, \"Access denied for user 'root'@'localhost' (using password: YES)\")";
    assert_eq!(talk(&[&hello(NATIVE), denied], false).0.unwrap_err(), expected);
    assert_eq!(talk(&[b"\xff\x10\x04Too many connections"], false).0.unwrap_err(), "(1040, \"Too many connections\")");
    assert!(talk(&[b"\x09old"], false).0.unwrap_err().contains("protocol version 9"));
    assert!(talk(&[b"SSH-2.0"], false).0.unwrap_err().contains("is it MySQL or MariaDB?"));
    assert!(talk(&[&hello(NATIVE)[..20]], false).0.unwrap_err().contains("ends early"));
}
