using AkkaRegenCache.Testing.Discovery;
using Xunit;

namespace AkkaRegenCache.Testing.Servers;

/// <summary>A test that needs a redis-server; where there is none on the PATH, it is skipped and says so.</summary>
[AttributeUsage(AttributeTargets.Method)]
public class RedisFactAttribute : FactAttribute
{
    public RedisFactAttribute() => Skip = RedisServer.WhyMissing;
}

/// <inheritdoc cref="RedisFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
public class RedisTheoryAttribute : TheoryAttribute
{
    public RedisTheoryAttribute() => Skip = RedisServer.WhyMissing;
}

/// <summary>All shared tests of this suite need a redis-server.</summary>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class RequiresRedisAttribute : RequirementAttribute
{
    public override string? WhyMissing => RedisServer.WhyMissing;
}
