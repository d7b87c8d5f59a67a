using Xunit;

namespace AkkaRegenCache.Core.Tests.Runtime;

/// <summary>A cache that is disposed of more than once.</summary>
public sealed class DisposalTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_call_returns_when_the_cache_has_left_and_not_before(bool firstIsSynchronous)
    {
        var cache = new RegenCache("twice", new RegenCacheOptions { LeaveTimeout = TimeSpan.FromMinutes(10) });
        var (begun, mayEnd) = (new TaskCompletionSource(), new TaskCompletionSource());
        var call = cache.GetOrCreateAsync("key", async _ =>
        {
            begun.SetResult();
            await mayEnd.Task;
            return "made";
        }).AsTask();
        await begun.Task;

        var first = Task.CompletedTask;
        if (firstIsSynchronous)
            cache.Dispose();
        else
            first = cache.DisposeAsync().AsTask();
        var (second, third) = (cache.DisposeAsync().AsTask(), cache.DisposeAsync().AsTask());

        // The generator runs still, so the cache has not left.
        Assert.False(second.IsCompleted);
        Assert.False(third.IsCompleted);
        mayEnd.SetResult();
        Assert.Equal("made", await call);
        await Task.WhenAll(first, second, third).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(cache.DisposeAsync().AsTask().IsCompletedSuccessfully);
    }
}
