using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>A11: what a hit costs that names a lifetime.</summary>
public sealed class LifetimeHitTests
{
    private const int Rounds = 2_000;

    private static readonly Func<CancellationToken, ValueTask<string>> s_make = static _ => new("made");

    [Theory]
    [InlineData(60_000)]
    [InlineData(-1)]
    public async Task A_hit_allocates_nothing(int milliseconds)
    {
        var services = new ServiceCollection();
        services.AddRegenCache("hits");
        await using var provider = services.BuildServiceProvider();
        var cache = provider.GetRequiredService<IRegenCache>();
        var lifetime = TimeSpan.FromMilliseconds(milliseconds);
        await cache.GetOrCreateAsync("key", lifetime, s_make);
        await cache.GetOrCreateAsync("with state", lifetime, 1, static (_, _) => new ValueTask<string>("made"));
        await cache.QuietAsync();

        // Each key has one generator from then on, which is remembered at the entry.
        Hits(cache, lifetime);
        Assert.Equal(2 * Rounds, Hits(cache, lifetime));

        var before = GC.GetAllocatedBytesForCurrentThread();
        Hits(cache, lifetime);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    /// <returns>How many reads were answered at once.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Hits(IRegenCache cache, TimeSpan lifetime)
    {
        var hits = 0;
        for (var i = 0; i < Rounds; i++)
        {
            var read = cache.GetOrCreateAsync("key", lifetime, s_make);
            if (read.IsCompletedSuccessfully)
                hits++;
        }

        for (var i = 0; i < Rounds; i++)
        {
            var read = cache.GetOrCreateAsync("with state", lifetime, 1, static (_, _) => new ValueTask<string>("made"));
            if (read.IsCompletedSuccessfully)
                hits++;
        }

        return hits;
    }
}
