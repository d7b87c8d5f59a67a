using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.Testing.Servers;
using Xunit;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace AkkaRegenCache.FarmLab.Tests;

/// <summary>A test that starts processes: it needs signals and a redis-server, and where one is missing it is skipped and says so.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LabFactAttribute : RedisFactAttribute
{
    public LabFactAttribute() => Skip ??= Signals.WhyMissing;
}
