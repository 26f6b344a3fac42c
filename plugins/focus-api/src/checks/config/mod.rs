//! Configurations: which start a job, and which must not. Nonsense goes as raw JSON, past any client's own validation.

mod channels_reversed;
mod freq_variants;
mod frequency;
mod height;
mod missing;
mod nfft;
mod throughput;
mod time;
mod valid;
