//! The kinds of objects that the cluster knows, and what they are called.

/// A kind of object, as discovery tells of it.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "`kind` is what the API calls it")]
pub(crate) struct Kind {
    /// Its API group; empty for the core group.
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    /// `Pod`
    pub(crate) kind: &'static str,
    /// `pods`: its name in paths.
    pub(crate) plural: &'static str,
    /// `pod`
    pub(crate) singular: &'static str,
    /// `po`: what kubectl also takes.
    pub(crate) short: &'static [&'static str],
    /// Whether its objects live in namespaces.
    pub(crate) namespaced: bool,
    /// Whether it has the subresource `/scale`.
    pub(crate) scale: bool,
    /// Whether it has the subresource `/status`.
    pub(crate) status: bool,
}

impl Kind {
    /// `v1` or `apps/v1`: what its objects say in `apiVersion`.
    pub(crate) fn api_version(&self) -> String {
        group_version(self.group, self.version)
    }

    /// `pods` or `deployments.apps`: what error messages call it.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// The kind that is served under a group, a version and a plural.
    pub(crate) fn served(group: &str, version: &str, plural: &str) -> Option<&'static Self> {
        KINDS
            .iter()
            .copied()
            .find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
    }
}

/// `v1` or `apps/v1`.
pub(crate) fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

const PLAIN: Kind = Kind {
    group: "",
    version: "v1",
    kind: "",
    plural: "",
    singular: "",
    short: &[],
    namespaced: true,
    scale: false,
    status: false,
};

macro_rules! kinds {
    ($($name:ident = $group:literal $kind:literal $plural:literal $singular:literal $short:tt { $($field:ident: $value:expr),* },)+) => {
        $(
            pub(crate) static $name: Kind = Kind {
                group: $group,
                kind: $kind,
                plural: $plural,
                singular: $singular,
                short: &$short,
                $($field: $value,)*
                ..PLAIN
            };
        )+

        /// All of them, by group.
        pub(crate) static KINDS: &[&Kind] = &[$(&$name),+];
    };
}

kinds! {
    NAMESPACE = "" "Namespace" "namespaces" "namespace" ["ns"] { namespaced: false, status: true },
    NODE = "" "Node" "nodes" "node" ["no"] { namespaced: false, status: true },
    POD = "" "Pod" "pods" "pod" ["po"] { status: true },
    SERVICE = "" "Service" "services" "service" ["svc"] { status: true },
    ENDPOINTS = "" "Endpoints" "endpoints" "endpoints" ["ep"] {},
    EVENT = "" "Event" "events" "event" ["ev"] {},
    CONFIG_MAP = "" "ConfigMap" "configmaps" "configmap" ["cm"] {},
    SECRET = "" "Secret" "secrets" "secret" [] {},
    SERVICE_ACCOUNT = "" "ServiceAccount" "serviceaccounts" "serviceaccount" ["sa"] {},
    DEPLOYMENT = "apps" "Deployment" "deployments" "deployment" ["deploy"] { scale: true, status: true },
    REPLICA_SET = "apps" "ReplicaSet" "replicasets" "replicaset" ["rs"] { scale: true, status: true },
    STATEFUL_SET = "apps" "StatefulSet" "statefulsets" "statefulset" ["sts"] { scale: true, status: true },
    JOB = "batch" "Job" "jobs" "job" [] { status: true },
    LEASE = "coordination.k8s.io" "Lease" "leases" "lease" [] {},
    ENDPOINT_SLICE = "discovery.k8s.io" "EndpointSlice" "endpointslices" "endpointslice" [] {},
    RESOURCE_QUOTA = "" "ResourceQuota" "resourcequotas" "resourcequota" ["quota"] { status: true },
    LIMIT_RANGE = "" "LimitRange" "limitranges" "limitrange" ["limits"] {},
    PERSISTENT_VOLUME_CLAIM = "" "PersistentVolumeClaim" "persistentvolumeclaims" "persistentvolumeclaim" ["pvc"]
        { status: true },
    DAEMON_SET = "apps" "DaemonSet" "daemonsets" "daemonset" ["ds"] { status: true },
    CRON_JOB = "batch" "CronJob" "cronjobs" "cronjob" ["cj"] { status: true },
    INGRESS = "networking.k8s.io" "Ingress" "ingresses" "ingress" ["ing"] { status: true },
}
