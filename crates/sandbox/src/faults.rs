//! Faults as a type: one declaration makes the enum that a part matches on, its ids, and their registration.

/// Declares the faults of a part: `typed_faults! { "moon": Fault { /// Why. Eclipsed = "moon.eclipsed", } }`.
macro_rules! typed_faults {
    ($part:literal: $fault:ident {
        $($(#[doc = $doc:literal])+ $name:ident = $id:literal $(keys [$($key:literal),+])?,)+
    }) => {
        /// One way in which the part can misbehave.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $fault {
            $($(#[doc = $doc])+ $name,)+
        }

        impl $fault {
            /// The fault with that id.
            pub(super) fn named(id: &str) -> Option<Self> {
                match id {
                    $($id => Some(Self::$name),)+
                    _ => None,
                }
            }
        }

        shakedown_core::register_faults! {
            $part: { $($(#[doc = $doc])+ $id $(keys [$($key),+])?,)+ }
        }
    };
}
pub(crate) use typed_faults;

/// The faults of a part that are on.
#[derive(Clone, Debug)]
pub(crate) struct On<Fault>(Vec<Fault>);

impl<Fault> Default for On<Fault> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<Fault: Copy + PartialEq> On<Fault> {
    /// Turns one on. Says whether it was off.
    pub(crate) fn turn_on(&mut self, fault: Fault) -> bool {
        let is_new = !self.has(fault);
        if is_new {
            self.0.push(fault);
        }
        is_new
    }

    /// Whether none is on.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is on.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }
}
