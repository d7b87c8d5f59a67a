namespace AkkaRegenCache.Redis.Tests
{
    /// <summary>A test that needs a redis-server; where there is none on the PATH, it is skipped and says so.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    public class RedisFactAttribute : Xunit.FactAttribute
    {
        public RedisFactAttribute() => Skip = RedisServer.WhyMissing;
    }

    /// <inheritdoc cref="RedisFactAttribute"/>
    [AttributeUsage(AttributeTargets.Method)]
    public class RedisTheoryAttribute : Xunit.TheoryAttribute
    {
        public RedisTheoryAttribute() => Skip = RedisServer.WhyMissing;
    }
}

// The contract's source is shared, and says [Fact]. In its namespace, within this project, that is a test which needs a redis-server.
namespace AkkaRegenCache.Core.Tests.Storage
{
    internal sealed class FactAttribute : AkkaRegenCache.Redis.Tests.RedisFactAttribute;

    internal sealed class TheoryAttribute : AkkaRegenCache.Redis.Tests.RedisTheoryAttribute;
}

namespace AkkaRegenCache.Core.Tests.Scenarios
{
    internal sealed class FactAttribute : AkkaRegenCache.Redis.Tests.RedisFactAttribute;

    internal sealed class TheoryAttribute : AkkaRegenCache.Redis.Tests.RedisTheoryAttribute;
}
