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
