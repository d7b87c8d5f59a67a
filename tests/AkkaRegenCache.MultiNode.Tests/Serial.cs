using Xunit;

// Failure detectors need the machine for themselves: one cluster at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
