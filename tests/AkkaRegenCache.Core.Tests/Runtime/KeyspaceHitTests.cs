using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>A11: what a hit of a registered keyspace's key costs.</summary>
public sealed class KeyspaceHitTests
{
    private const int Rounds = 2_000;

    [Fact]
    public async Task A_hit_by_the_whole_key_allocates_nothing_whatever_the_type()
    {
        await using var provider = Application();
        var cache = provider.GetRequiredService<IRegenCache>();

        Assert.Equal(0, await BytesAsync<string>("text:42"));
        Assert.Equal(0, await BytesAsync<int>("number:42"));
        Assert.Equal(0, await BytesAsync<Guid?>("maybe:42"));
        Assert.Equal(0, await BytesAsync<object?>("null:42"));

        async Task<long> BytesAsync<T>(string key)
        {
            await cache.GetAsync<T>(key);
            await cache.QuietAsync();
            Assert.Equal(Rounds, Hits<T>(cache, key, null));
            var before = GC.GetAllocatedBytesForCurrentThread();
            Hits<T>(cache, key, null);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public async Task A_hit_by_keyspace_and_key_allocates_the_whole_key_and_nothing_else()
    {
        await using var provider = Application();
        var cache = provider.GetRequiredService<IRegenCache>();
        await cache.GetAsync<string>("text:42");
        await cache.QuietAsync();
        Assert.Equal(Rounds, Hits<string>(cache, "42", "text"));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Hits<string>(cache, "42", "text");
        var hits = GC.GetAllocatedBytesForCurrentThread() - before;

        before = GC.GetAllocatedBytesForCurrentThread();
        var key = new string('x', "text:42".Length);
        var one = GC.GetAllocatedBytesForCurrentThread() - before;

        GC.KeepAlive(key);
        Assert.Equal(one * Rounds, hits);
    }

    [Fact]
    public async Task All_entries_of_a_keyspace_have_one_source_before_and_after_hits()
    {
        await using var provider = Application();
        var cache = (RegenCache)provider.GetRequiredService<IRegenCache>();
        await cache.GetAsync<string>("text:1");
        await cache.GetAsync<string>("text:2");
        await cache.QuietAsync();
        var source = cache.Shell.Settings.SourceFor!("text:3");

        Assert.Same(source, cache.Shell.Memory.Find("text:1")!.Generator);
        Assert.Equal(Rounds, Hits<string>(cache, "text:1", null));
        Assert.Same(source, cache.Shell.Memory.Find("text:1")!.Generator);
        Assert.Same(source, cache.Shell.Memory.Find("text:2")!.Generator);
    }

    private static ServiceProvider Application()
    {
        var services = new ServiceCollection();
        services.AddRegenCache("hits")
            .AddKeyspace("text", (_, key, _) => new ValueTask<string>(key))
            .AddKeyspace("number", (_, _, _) => new ValueTask<int>(42))
            .AddKeyspace("maybe", (_, _, _) => new ValueTask<Guid?>(Guid.NewGuid()))
            .AddKeyspace("null", (_, _, _) => new ValueTask<object?>((object?)null));
        return services.BuildServiceProvider();
    }

    /// <returns>How many reads were answered at once.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Hits<T>(IRegenCache cache, string key, string? keyspace)
    {
        var hits = 0;
        for (var i = 0; i < Rounds; i++)
        {
            var read = keyspace is null ? cache.GetAsync<T>(key) : cache.GetAsync<T>(keyspace, key);
            if (read.IsCompletedSuccessfully)
                hits++;
        }

        return hits;
    }
}
