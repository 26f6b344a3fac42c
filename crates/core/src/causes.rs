//! What lies behind an error.

use std::error::Error;
use std::io;

/// An error and its causes, outermost first.
///
/// An [`io::Error`] hides the error it wraps from `source`, so it is asked for it.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_error_does_not_hide_what_it_wraps() {
        let error = io::Error::other(io::Error::other("the root"));
        let words: Vec<String> = causes(&error).map(ToString::to_string).collect();
        assert_eq!(words.len(), 3, "{words:?}");
        assert_eq!(words[2], "the root");
    }
}
