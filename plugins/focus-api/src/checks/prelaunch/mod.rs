//! What the server has to settle before it starts anything. Nonsense goes as raw JSON, past any client's own validation.

mod channels;
mod clarity;
mod future;
mod historic_data;
mod live_data;
mod nfft;
mod nyquist;
mod port;
mod reversed;
mod view;
