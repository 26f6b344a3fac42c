//! Gathering, when a check has failed, what an engineer would look at next: pods, events, logs, and what is used.
//!
//! Each collector stands alone, so that what one may not see is no loss to the others. All are bounded in what they ask
//! and in what they keep, and share the answers that checks have already had.

mod describe;
mod events;
mod logs;
mod pods;
mod top;

use crate::client::K8sClient;
use crate::trouble::Trouble;
use shakedown_core::TargetError;
use shakedown_core::collect::CollectContext;
use std::time::Duration;

/// What a question may take, so that there is time to write the answer down.
fn patience(cx: &CollectContext) -> Duration {
    cx.remaining().mul_f64(0.8)
}

/// Trouble as a collector reports it.
fn noted(client: &K8sClient) -> impl Fn(Trouble) -> TargetError {
    |trouble| trouble.into_target(&client.place)
}

/// Rows as a table whose columns are as wide as they need to be.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells.zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("   ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut head.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n") + "\n"
}

/// An age as people write it: `3d4h`, `17m`, `9s`.
fn age(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{}s", seconds % 60),
        (0, ..) => format!("{hours}h{}m", minutes % 60),
        _ => format!("{days}d{}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn a_table_is_as_wide_as_it_must_be() {
        let rows = [vec!["a".to_owned(), "1/1".to_owned()], vec!["a-long-name".to_owned(), "0/1".to_owned()]];
        assert_snapshot!(table(&["NAME", "READY"], &rows), @r"
        NAME          READY
        a             1/1
        a-long-name   0/1
        ");
    }

    #[test]
    fn ages_are_short() {
        let ages = [-5, 9, 75, 3_700, 270_000].map(age);
        assert_eq!(ages, ["0s", "9s", "1m15s", "1h1m", "3d3h"]);
    }
}
