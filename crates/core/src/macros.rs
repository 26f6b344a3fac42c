//! The registration macros.

/// The place of a registration: package, file and line of the caller.
#[macro_export]
macro_rules! source {
    () => {
        $crate::check::Source { package: env!("CARGO_PKG_NAME"), file: file!(), line: line!() }
    };
}

/// Declares a check and registers it.
///
/// The doc comment is the user's page: what is asked, `# Why it matters`, `# How to mend it`. The macro declares the
/// struct, with a field `params`; `id`, `title`, `severity` and `effect` come first, in this order, and any other
/// field of [`CheckSpec`](crate::CheckSpec) may follow.
///
/// ```
/// use shakedown_core::{
///     async_trait, fault, register_check, Check, CheckError, Context, Effect, NoParams, Observation, Severity, Verdict,
/// };
///
/// register_check! {
///     /// The moon is up.
///     ///
///     /// # Why it matters
///     /// Without it there are no tides.
///     pub struct MoonIsUp(NoParams) {
///         id: "moon.up",
///         title: "The moon is up",
///         severity: Severity::High,
///         effect: Effect::Read,
///         tags: &["smoke"],
///         proofs: &[fault("moon.eclipsed", "moon-missing")],
///     }
/// }
///
/// #[async_trait]
/// impl Check for MoonIsUp {
///     async fn run(&self, _cx: &Context) -> Result<Verdict, CheckError> {
///         Ok(Verdict::of(Observation::seen("one moon")))
///     }
/// }
///
/// let spec = shakedown_core::registry::registered_checks().find(|spec| spec.id == "moon.up").unwrap();
/// assert_eq!(spec.docs.summary(), "The moon is up.");
/// ```
#[macro_export]
macro_rules! register_check {
    (
        $(#[doc = $doc:literal])+
        $vis:vis struct $check:ident($params:ty) {
            id: $id:expr,
            title: $title:expr,
            severity: $severity:expr,
            effect: $effect:expr
            $(, $field:ident: $value:expr)* $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        $vis struct $check {
            #[allow(dead_code, reason = "a check without parameters does not read them")]
            params: $params,
        }

        const _: () = {
            const BLANK: $crate::CheckSpec = $crate::CheckSpec {
                id: $id,
                title: $title,
                severity: $severity,
                effect: $effect,
                target: None,
                also: &[],
                keys: &[],
                tags: &[],
                requires: &[],
                group: None,
                alone: false,
                gate: $crate::Gate::Required,
                required_in: None,
                timeout: None,
                proofs: &[],
                docs: $crate::Docs(concat!($($doc, "\n"),+)),
                source: $crate::source!(),
                schema: || $crate::__private::schemars::schema_for!($params),
                build: |value| Ok(Box::new($check { params: $crate::check::read_params::<$params>(value)? })),
            };
            $crate::__private::inventory::submit! {
                #[allow(clippy::needless_update, reason = "a registration may name every field")]
                $crate::CheckSpec { $($field: $value,)* ..BLANK }
            }
        };
    };
}

/// Declares and registers a fix; its parameters are those of the check whose findings it mends.
///
/// ```text
/// register_fix! {
///     /// Turns the light on again. …
///     pub(crate) struct TurnOn(ShinesParams) {
///         id: "moon.turn-on",
///         title: "Turn the light on again",
///         check: "moon.shines",
///         target: "moon",
///         instead_of: None,
///         proofs: &["moon.eclipsed"],
///     }
/// }
/// ```
#[macro_export]
macro_rules! register_fix {
    (
        $(#[doc = $doc:literal])+
        $vis:vis struct $fix:ident($params:ty) {
            id: $id:expr,
            title: $title:expr,
            check: $check:expr,
            target: $target:expr,
            instead_of: $instead_of:expr,
            proofs: $proofs:expr $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        $vis struct $fix {
            #[allow(dead_code, reason = "a fix of a check without parameters does not read them")]
            params: $params,
        }

        $crate::__private::inventory::submit! {
            $crate::FixSpec {
                id: $id,
                title: $title,
                check: $check,
                target: $target,
                instead_of: $instead_of,
                proofs: $proofs,
                docs: $crate::Docs(concat!($($doc, "\n"),+)),
                source: $crate::source!(),
                build: |value| Ok(Box::new($fix { params: $crate::check::read_params::<$params>(value)? })),
            }
        }
    };
}

/// Declares a collector, and registers it:
///
/// ```
/// # use shakedown_core::{Target, TargetError, async_trait, target::{ConnectContext, Connected}};
/// # struct Moon;
/// # struct Client;
/// # #[async_trait]
/// # impl Target for Moon {
/// #     const KIND: &'static str = "moon";
/// #     type Settings = shakedown_core::NoParams;
/// #     type Client = Client;
/// #     async fn connect(_: Self::Settings, _: &ConnectContext) -> Result<Connected<Client>, TargetError> {
/// #         Ok(Connected { client: Client, info: Default::default() })
/// #     }
/// #     async fn probe(_: &Client) -> Result<(), TargetError> { Ok(()) }
/// # }
/// use shakedown_core::{CollectContext, Collector, Evidence, register_collector};
///
/// register_collector! {
///     /// What is to be seen in the sky.
///     struct Sky: "moon.sky"
/// }
///
/// #[async_trait]
/// impl Collector for Sky {
///     type Target = Moon;
///
///     async fn collect(_client: &Client, cx: &CollectContext) -> Result<Vec<Evidence>, TargetError> {
///         Ok(vec![Evidence::text("sky.txt", format!("clouds, since {}", cx.since))])
///     }
/// }
/// ```
#[macro_export]
macro_rules! register_collector {
    ($(#[doc = $doc:literal])+ $vis:vis struct $collector:ident: $id:literal) => {
        $(#[doc = $doc])+
        $vis struct $collector;

        $crate::__private::inventory::submit! {
            $crate::CollectorSpec::of::<$collector>(
                $id,
                $crate::Docs(concat!($($doc, "\n"),+)),
                $crate::source!(),
            )
        }
    };
}

/// Declares an observer of a target's resources, and registers it:
///
/// ```
/// # use shakedown_core::{Target, TargetError, async_trait, target::{ConnectContext, Connected}};
/// # struct Moon;
/// # struct Client;
/// # #[async_trait]
/// # impl Target for Moon {
/// #     const KIND: &'static str = "moon";
/// #     type Settings = shakedown_core::NoParams;
/// #     type Client = Client;
/// #     async fn connect(_: Self::Settings, _: &ConnectContext) -> Result<Connected<Client>, TargetError> {
/// #         Ok(Connected { client: Client, info: Default::default() })
/// #     }
/// #     async fn probe(_: &Client) -> Result<(), TargetError> { Ok(()) }
/// # }
/// use shakedown_core::{ObserveContext, Observer, Reading, Unit, register_observer};
///
/// register_observer! {
///     /// How full it is.
///     struct Phase: "moon.phase"
/// }
///
/// #[async_trait]
/// impl Observer for Phase {
///     type Target = Moon;
///
///     async fn observe(_client: &Client, _: &ObserveContext) -> Result<Vec<Reading>, TargetError> {
///         Ok(vec![Reading::new("moon", "lit", 42.0, Unit::Percent).of(Some(100.0))])
///     }
/// }
/// ```
#[macro_export]
macro_rules! register_observer {
    ($(#[doc = $doc:literal])+ $vis:vis struct $observer:ident: $id:literal) => {
        $(#[doc = $doc])+
        $vis struct $observer;

        $crate::__private::inventory::submit! {
            $crate::ObserverSpec::of::<$observer>(
                $id,
                $crate::Docs(concat!($($doc, "\n"),+)),
                $crate::source!(),
            )
        }
    };
}

/// Registers a target: `register_target!(Mongo, "MongoDB")`. A whole one stands at [`Target`](crate::Target).
#[macro_export]
macro_rules! register_target {
    ($target:ty, $title:literal) => {
        $crate::__private::inventory::submit! { $crate::TargetSpec::of::<$target>($title, $crate::source!()) }
    };
}

/// Registers a part of the sandbox: `register_part!(FocusServer)`.
#[macro_export]
macro_rules! register_part {
    ($part:ty) => {
        $crate::__private::inventory::submit! { $crate::sandbox::PartSpec::of::<$part>($crate::source!()) }
    };
}

/// Registers faults of a sandbox part:
///
/// ```
/// shakedown_core::register_faults! {
///     "moon": {
///         /// The sun hides it.
///         "moon.eclipsed",
///     }
/// }
/// ```
#[macro_export]
macro_rules! register_faults {
    ($part:literal: { $($(#[doc = $doc:literal])+ $id:literal $(keys [$($key:literal),*])?,)+ }) => {
        $(
            $crate::__private::inventory::submit! {
                $crate::sandbox::FaultSpec {
                    id: $id,
                    part: $part,
                    keys: &[$($($key),*)?],
                    docs: $crate::Docs(concat!($($doc, "\n"),+)),
                    source: $crate::source!(),
                }
            }
        )+
    };
}

/// Registers an incident, a named set of faults:
///
/// ```
/// shakedown_core::register_incident! {
///     /// What happened that night.
///     "moonless-night": ["moon.eclipsed"]
/// }
/// ```
#[macro_export]
macro_rules! register_incident {
    ($(#[doc = $doc:literal])+ $id:literal: [$($fault:literal),+ $(,)?]) => {
        $crate::__private::inventory::submit! {
            $crate::sandbox::IncidentSpec {
                id: $id,
                faults: &[$($fault),+],
                docs: $crate::Docs(concat!($($doc, "\n"),+)),
                source: $crate::source!(),
            }
        }
    };
}
