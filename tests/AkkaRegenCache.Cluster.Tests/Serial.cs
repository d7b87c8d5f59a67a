using Xunit;

// Clusters share the machine's two cores and its clock; one after the other they keep their times.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
