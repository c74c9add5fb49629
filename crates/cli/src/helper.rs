//! The helper that is built into this binary.

use hostler_core::connection::Helper;

/// The helper for hosts of this machine's architecture.
pub fn native() -> Helper {
    const BYTES: &[u8] = include_bytes!(env!("HOSTLER_HELPER"));
    Helper::with_sha256(BYTES, env!("HOSTLER_HELPER_SHA256"))
}
