using Xunit;

// Farms here wait most of their time, for failure detectors and resolvers; three of them at a time keep theirs.
[assembly: CollectionBehavior(MaxParallelThreads = 3)]
