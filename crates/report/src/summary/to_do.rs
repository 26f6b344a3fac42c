//! The to-do list: what fails or has no answer in full, and in short what is known and decides nothing.

use super::Page;
use crate::prose::{self, Scope};
use crate::style::symbol;
use shakedown_core::Severity;
use shakedown_core::run::{Run, ToDo};
use std::path::Path;

/// More items than this under one heading are only counted: nobody works through them on a terminal.
const MOST_ITEMS: usize = 30;

/// Every item that decides, under the heading that says how soon it needs someone.
pub(super) fn deciding(page: &mut Page, run: &Run, run_dir: Option<&Path>) {
    let items: Vec<ToDo<'_>> = run.to_do().into_iter().filter(|item| item.record.decides()).collect();
    let scope = Scope { text: 1000, lines: 10, run_dir };
    for severity in [Severity::Critical, Severity::High, Severity::Medium] {
        let heading = severity.urgency();
        let under: Vec<&ToDo<'_>> = items.iter().filter(|item| prose::urgency(item) == heading).collect();
        if under.is_empty() {
            continue;
        }
        page.paragraph();
        page.line(&page.style.bold(heading));
        for (index, item) in under.iter().take(MOST_ITEMS).enumerate() {
            show(page, item, index.checked_sub(1).map(|before| under[before]), scope);
        }
        if let Some(more) = under.len().checked_sub(MOST_ITEMS).filter(|&more| more > 0) {
            page.paragraph();
            page.line(&format!("  … and {more} more in run.json"));
        }
    }
}

/// Shows one item. The head is not repeated where the item `before` has the same.
fn show(page: &mut Page, item: &ToDo<'_>, before: Option<&ToDo<'_>>, scope: Scope<'_>) {
    page.paragraph();
    let head = head(item);
    if before.map(self::head).as_ref() != Some(&head) {
        let painted = page.style.status(item.status, &format!("{} {}", symbol(item.status), head.0));
        page.line(&format!("  {painted}  {}", page.style.bold(&head.1)));
    }
    page.wrapped(4, 0, &prose::item_headline(item, scope.text));
    let lines = prose::of_item(item, before, scope);
    let mut label = "";
    for line in &lines {
        label = if line.label.is_empty() { label } else { line.label };
        page.labelled(4, line.label, &line.text, label == "evidence");
    }
}

/// The words on an item's first line: how it stands, and with what.
fn head(item: &ToDo<'_>) -> (String, String) {
    (prose::item_status(item), prose::item_name(item))
}

/// What fails, warns or has no answer without deciding anything, a line each.
pub(super) fn known(page: &mut Page, run: &Run) {
    let items: Vec<ToDo<'_>> = run.to_do().into_iter().filter(|item| !item.record.decides()).collect();
    if items.is_empty() {
        return;
    }
    page.paragraph();
    page.line(&page.style.bold("known or informational, decides nothing"));
    page.paragraph();
    for item in items.iter().take(MOST_ITEMS) {
        let gate = prose::gate_words(&item.record.info.gate).unwrap_or_default();
        let (symbol, name, headline) =
            (symbol(item.status), prose::item_name(item), prose::item_headline(item, 300));
        page.wrapped(2, 2, &format!("{symbol} {gate}: {}: {name}: {headline}", item.status));
    }
    if let Some(more) = items.len().checked_sub(MOST_ITEMS).filter(|&more| more > 0) {
        page.line(&format!("  … and {more} more in run.json"));
    }
}
