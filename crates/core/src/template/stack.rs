//! Stack for nested templates: each level is deep in Rust's frames, and the engine's threads are small.

/// What must be left before a level begins.
const RESERVE: usize = 192 << 10;
/// What is added where less is left.
const SEGMENT: usize = 2 << 20;

/// Runs `work` with enough stack for one more level.
pub(super) fn deeper<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(RESERVE, SEGMENT, work)
}
