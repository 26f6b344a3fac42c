//! Checks of Focus Server under load.
