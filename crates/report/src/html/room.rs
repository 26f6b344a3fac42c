//! How large a page may become, and what it does without where it would become larger.

use shakedown_core::Status;
use std::cell::Cell;

/// A page is to be sent about, and a browser is to show it at once.
const MOST_BYTES: usize = 2_900_000;

/// What there is room for however long the page is without it.
const LEAST_ROOM: usize = 400_000;

/// What all drawings together may take.
const DRAWINGS: usize = 600_000;

/// What drawings have before anything is written that need not be.
const FEW_DRAWINGS: usize = 200_000;

/// More checks than this are only counted: a browser would take its time with them.
pub(super) const MOST_CHECKS: usize = 5_000;

/// How much of what is written about checks stands in a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Docs {
    /// All of it.
    Whole,
    /// All of it where someone is needed; else what the check asks.
    Questions,
    /// Nothing where nobody is needed.
    Needed,
}

impl Docs {
    pub(super) const ALL: [Self; 3] = [Self::Whole, Self::Questions, Self::Needed];
}

/// What a page can do without, and there is room for: drawings, and what is written about checks.
pub(super) struct Room {
    for_drawings: Cell<usize>,
    docs: Cell<Option<Docs>>,
}

impl Room {
    /// None, so that a page can be measured.
    pub(super) const fn none() -> Self {
        Self { for_drawings: Cell::new(0), docs: Cell::new(None) }
    }

    /// Gives what is left beside a page of so many bytes without docs, which would take so many each way.
    pub(super) fn give(&self, page: usize, docs: impl Fn(Docs) -> usize) {
        let left = MOST_BYTES.saturating_sub(page).max(LEAST_ROOM);
        let fits = |way: &Docs| docs(*way) + FEW_DRAWINGS <= left;
        let way = Docs::ALL.into_iter().find(fits).unwrap_or(Docs::Needed);
        self.docs.set(Some(way));
        self.for_drawings.set(left.saturating_sub(docs(way)).clamp(FEW_DRAWINGS, DRAWINGS));
    }

    /// How much is written about checks; nothing where there is no room.
    pub(super) const fn docs(&self) -> Option<Docs> {
        self.docs.get()
    }

    /// Takes so many bytes for a drawing, where they are there. Half of them are kept for what is worth a look.
    pub(super) fn take(&self, bytes: usize, status: Status) -> bool {
        let left = self.for_drawings.get();
        let kept = if status > Status::Passed { 0 } else { left / 2 };
        let fits = left >= kept + bytes;
        self.for_drawings.set(if fits { left - bytes } else { left });
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_finds_room_when_the_rest_does_not() {
        let room = Room::none();
        assert!(!room.take(1, Status::Failed));
        let docs = |way| match way {
            Docs::Whole => 1_000_000,
            Docs::Questions => 300_000,
            Docs::Needed => 100_000,
        };
        for (page, way, drawings) in [
            (1_000_000, Docs::Whole, DRAWINGS),
            (2_000_000, Docs::Questions, DRAWINGS),
            (2_450_000, Docs::Needed, 350_000),
            (9_000_000, Docs::Needed, 300_000),
        ] {
            room.give(page, docs);
            assert_eq!((room.docs(), room.for_drawings.get()), (Some(way), drawings), "{page}");
        }
        assert!(room.take(150_000, Status::Passed) && !room.take(150_000, Status::Passed));
        assert!(room.take(150_000, Status::Failed) && !room.take(1, Status::Failed));
    }
}
