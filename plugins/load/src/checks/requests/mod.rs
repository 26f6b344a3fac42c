//! Users who ask again and again.

mod concurrent;
