//! Whether what the server says can be relied on.

mod metadata;
mod timestamps;
