using System.Runtime.CompilerServices;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>What has ended is referenced by nothing any more.</summary>
public sealed class NothingKeptTests
{
    [Fact]
    public async Task Two_thousand_generations_that_have_ended_hold_none_of_their_values()
    {
        await using var cache = new RegenCache("ended");
        var values = new List<WeakReference>();
        for (var i = 0; i < 2000; i++)
            values.Add(await GenerateAsync(cache, $"key{i}"));

        // What memory and the store showed is gone with the keys.
        for (var i = 0; i < 2000; i++)
            await cache.RemoveAsync($"key{i}");
        for (var i = 0; i < 20 && values.Exists(value => value.IsAlive); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        // A register or an unfinished continuation may still know the last one.
        Assert.InRange(values.Count(value => value.IsAlive), 0, 2);
        var agent = cache.Shell.Agent;
        Assert.True(agent.DeadlineCount <= agent.KeyCount, $"{agent.DeadlineCount} deadlines of {agent.KeyCount} keys");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference> GenerateAsync(RegenCache cache, string key)
    {
        var made = await cache.GetOrCreateAsync(key, _ => new ValueTask<byte[]>(new byte[5_000]));
        return new WeakReference(made);
    }
}
