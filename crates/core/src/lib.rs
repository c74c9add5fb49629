//! Core of Hostler.
