//! What is launched for a request, and above all what is not.

mod empty_window;
mod invalid;
