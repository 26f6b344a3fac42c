//! Amounts of CPU and memory, as the cluster writes them.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// The number that a quantity stands for: cores, or bytes. `None` where it stands for none.
pub(crate) fn number(quantity: &Quantity) -> Option<f64> {
    of(&quantity.0)
}

/// The same of its text, such as `250m`, `1500000n` or `64Mi`.
pub(crate) fn of(text: &str) -> Option<f64> {
    let text = text.trim();
    let suffixes = [
        ("Ki", 2_f64.powi(10)),
        ("Mi", 2_f64.powi(20)),
        ("Gi", 2_f64.powi(30)),
        ("Ti", 2_f64.powi(40)),
        ("Pi", 2_f64.powi(50)),
        ("Ei", 2_f64.powi(60)),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let (digits, factor) = suffixes
        .iter()
        .find_map(|&(suffix, factor)| Some((text.strip_suffix(suffix)?, factor)))
        .unwrap_or((text, 1.0));
    // "inf" and "nan" are numbers to Rust, and not to the cluster.
    let is_plain = digits.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    digits
        .parse::<f64>()
        .ok()
        .filter(|_| is_plain)
        .map(|number| number * factor)
        .filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suffix_is_read() {
        assert_eq!(number(&Quantity("2".to_owned())), Some(2.0));
        assert_eq!(of("2"), Some(2.0));
        assert_eq!(of("0.5"), Some(0.5));
        assert_eq!(of("128Mi"), Some(134_217_728.0));
        assert_eq!(of("1e3"), Some(1000.0));
        assert_eq!(of("1E"), Some(1e18));
        assert_eq!(of("2G"), Some(2e9));
        assert!((of("250m").unwrap() - 0.25).abs() < 1e-12);
        assert!((of("1500000n").unwrap() - 0.0015).abs() < 1e-12);
        for text in ["", "m", "abc", "inf", "nan", "1 Gi x"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
