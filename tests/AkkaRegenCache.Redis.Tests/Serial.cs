using AkkaRegenCache.Testing.Servers;
using Xunit;

// Farms in real time measure how soon something happens, and farms in virtual time wait for real commands: at the same time, they would measure each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

[assembly: RequiresRedis]
