//! The faults that Kubernetes can have: those of its interface, of its state, and of the jobs of the Focus Server.

use crate::faults::typed_faults;

typed_faults! {
    "k8s": Fault {
        /// Nothing listens at the address of the Kubernetes API.
        Away = "k8s.away",
        /// The Kubernetes API accepts connections and never answers.
        Silent = "k8s.silent",
        /// Every answer of the Kubernetes API is held back for two seconds.
        Slow = "k8s.slow",
        /// The Kubernetes API answers bytes that are not TLS.
        Garbage = "k8s.garbage",
        /// The Kubernetes API accepts no token: every request is answered with 401.
        Unauthorised = "k8s.unauthorised",
        /// The user may do nothing but ask for the version and for what there is: all else is answered with 403.
        Forbidden = "k8s.forbidden",
        /// The user may not read logs: they are answered with 403.
        LogsForbidden = "k8s.logs-forbidden",
        /// Every second request to the Kubernetes API is answered with 503.
        Flapping = "k8s.flapping",
        /// Every watch ends with 410: what it was to go on from is no longer known.
        WatchExpired = "k8s.watch-expired",
        /// Another cluster answers: the namespace `kube-system` has another UID.
        WrongCluster = "k8s.wrong-cluster",
        /// Lists never end: each page of pods names a next one.
        Endless = "k8s.endless",

        /// The pod of RabbitMQ runs and is not ready: its readiness probe fails.
        PodNotReady = "k8s.pod-not-ready",
        /// The container of the Focus Server ends at every start, since it cannot resolve its database's name, and
        /// Kubernetes backs off.
        CrashLoop = "k8s.crash-loop",
        /// The image of the SEGY recorder cannot be pulled.
        ImagePull = "k8s.image-pull",
        /// A new pod of the SEGY recorder, beside the one that runs, fits no node.
        PodPending = "k8s.pod-pending",
        /// The container of RabbitMQ was killed once for the memory it used, and runs again.
        OomKilled = "k8s.oom-killed",
        /// The container of the Focus Server ends and is restarted every two seconds.
        RestartsRising = "k8s.restarts-rising",
        /// Two replicas of the Focus Server are wanted and a quota allows only one: the second pod never comes.
        DeploymentShort = "k8s.deployment-short",
        /// The SEGY recorder is not deployed.
        DeploymentMissing = "k8s.deployment-missing",
        /// The Job `nightly-report`, which has nothing to do with the Focus Server, has failed.
        JobFailed = "k8s.job-failed",
        /// The Service `mongodb` has no endpoints, although a ready pod matches it.
        EndpointsEmpty = "k8s.endpoints-empty",
        /// The selector of the Service of the Focus Server, `app=focus-server`, matches no pod.
        ServiceSelector = "k8s.service-selector",
        /// The container of the SEGY recorder has neither resource requests nor limits.
        ResourcesMissing = "k8s.resources-missing",
        /// The container of the SEGY recorder requests more memory than its limit.
        LimitsBelowRequests = "k8s.limits-below-requests",
        /// The node `worker-2` is short of memory.
        NodePressure = "k8s.node-pressure",
        /// The node `worker-2` is not ready.
        NodeNotReady = "k8s.node-not-ready",
        /// The events of the Focus Server's pod warn again and again that a volume cannot be mounted.
        WarningEvents = "k8s.warning-events",
        /// MongoDB is scaled to no replicas.
        MongoDown = "k8s.mongo-down",
        /// MongoDB runs in the namespace `default` instead of `panda`.
        NamespaceOther = "k8s.namespace-other",
        /// The namespace `panda` is empty.
        NamespaceEmpty = "k8s.namespace-empty",
        /// The certificate of the Focus Server's TLS secret expires in five days.
        CertificateExpiring = "k8s.certificate-expiring",
        /// The Focus Server logs an error every second.
        LogErrors = "k8s.log-errors",

        /// The pod of a job configured from now on never comes: a quota forbids it.
        JobNoPod = "k8s.job-no-pod",
        /// The pod of a job configured from now on fails soon after its start.
        JobPodFailed = "k8s.job-pod-failed",
        /// The pod of a job configured from now on stays pending: the network has no address left for it.
        JobPending = "k8s.job-pending" keys ["PZ-13268"],
        /// A job configured from now on gets no Service.
        JobNoService = "k8s.job-no-service",
        /// The Service of a job configured from now on exposes another port than that of its stream.
        JobPortOther = "k8s.job-port-other",
        /// The pods of a job live on when the job is cancelled.
        JobNotCancelled = "k8s.job-not-cancelled" keys ["PZ-13670"],
        /// The Kubernetes Jobs of a job to which nobody connects are never ended: nothing is there that would end them.
        JobNotCleaned = "k8s.job-not-cleaned",
        /// The command line of a live job configured from now on is that of a historic one.
        JobType = "k8s.job-type",
        /// The pod of a job configured from now on logs nothing.
        JobNoLogs = "k8s.job-no-logs",
        /// The pods of a job configured from now on have neither resource requests nor limits.
        JobResources = "k8s.job-resources",
        /// The pods of a job configured from now on carry the label `job_id` of another job.
        JobLabel = "k8s.job-label",
        /// The network has addresses for the pods of 20 jobs of the Focus Server: those of further ones stay pending until
        /// another job ends. A configuration is accepted all the same.
        AddressesExhausted = "k8s.addresses-exhausted" keys ["PZ-13268"],
        /// The Kubernetes Jobs of jobs that have ended stay for good, as those of one that ended earlier have.
        JobLeftover = "k8s.job-leftover",
    }
}

/// The faults that are on.
pub(super) type Faults = crate::faults::On<Fault>;

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::registry::Entries;

    #[test]
    fn every_registered_fault_can_be_turned_on() {
        let registered = Entries::linked().faults;
        let ids: Vec<&str> =
            registered.iter().filter(|fault| fault.part == "k8s").map(|fault| fault.id).collect();
        assert!(ids.len() > 40, "{ids:?}");
        for id in ids {
            let fault = Fault::named(id).unwrap_or_else(|| panic!("{id}"));
            let mut faults = Faults::default();
            assert!(faults.turn_on(fault) && !faults.turn_on(fault) && faults.has(fault), "{id}");
        }
    }
}
