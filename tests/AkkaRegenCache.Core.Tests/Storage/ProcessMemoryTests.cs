using AkkaRegenCache.Core.Tests.Protocol;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>C21, in bytes of the process: no other test may run beside it.</summary>
[Collection(nameof(MeasuresMemory))]
public sealed class ProcessMemoryTests
{
    [Fact]
    public async Task A_process_grows_by_no_more_than_twice_what_its_cache_may_hold()
    {
        const int Offered = 2000;
        await using var cache = new RegenCache("bounded", new RegenCacheOptions { MaximumBytes = 5_000_000 });
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < Offered; i++)
            await cache.GetOrCreateAsync($"{i}", _ => new ValueTask<byte[]>(new byte[100_000]));
        for (var i = 0; i < Offered; i++)
            await cache.SetAsync($"set {i}", new byte[100_000]);
        var grown = GC.GetTotalMemory(forceFullCollection: true) - before;

        Assert.InRange(cache.MemoryBytes, 1, 5_000_000);
        Assert.InRange(grown, 0, 15_000_000);
        GC.KeepAlive(cache);
    }
}
